"""Temperatures: the confidence they give, the mean of several nets', and the checkpoint that carries them."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from commands import invoke
from models import random_checkpoint
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from swsss.checkpoint import load_checkpoint, save_checkpoint
from swsss.confidence import inverse_confidence, mean_temperature
from swsss.errors import UserError

TEMPERATURE = (0.5, 1.0, 2.0, 7.5, 0.9)


@pytest.mark.parametrize("temperature", [(), TEMPERATURE])
def test_inverse_confidence__float64(temperature):
    """The softmax of the scores divided by the winner's temperature, pixel by pixel."""
    scores = np.random.default_rng(0).normal(0, 3, (2, 4, 5, 6)).astype(np.float32)
    scores[1, 2] = -np.inf  # no candidate
    ids = np.array([0, 1, 3, 4])
    classes = ids[scores.argmax(1)]
    found = inverse_confidence(torch.from_numpy(scores), torch.from_numpy(classes), temperature).numpy()
    for place in np.ndindex(2, 5, 6):
        one = scores[place[0], :, place[1], place[2]].astype(np.float64)
        scaled = np.exp((one - one.max()) / (temperature[classes[place]] if temperature else 1))
        assert 1 / found[place] == pytest.approx((scaled / scaled.sum()).max(), rel=1e-5)


def test_inverse_confidence__no_candidate_is_certain_and_nan_is_not():
    scores = torch.full((1, 3, 1, 2), -torch.inf)
    scores[..., 1] = torch.nan
    found = inverse_confidence(scores, torch.zeros(1, 1, 2, dtype=torch.int64), (2.0,) * 3)
    assert found[0, 0, 0] == 1
    assert found[0, 0, 1].isnan()


def test_mean_temperature__geometric_class_by_class():
    assert mean_temperature([]) == mean_temperature([(), ()]) == ()
    assert mean_temperature([TEMPERATURE]) == TEMPERATURE
    assert mean_temperature([(2.0, 1.0), (8.0, 0.25)]) == pytest.approx((4.0, 0.5))
    assert mean_temperature([(4.0, 0.25), ()]) == pytest.approx((2.0, 0.5))


def test_checkpoint__carries_its_temperature(tmp_path):
    path = tmp_path / "net.safetensors"
    save_checkpoint(path, dataclasses.replace(random_checkpoint(), temperature=TEMPERATURE))
    assert load_checkpoint(path).temperature == TEMPERATURE
    save_checkpoint(path, random_checkpoint())
    assert load_checkpoint(path).temperature == ()


def rewritten(path, change):
    """The checkpoint with another header."""
    save_checkpoint(path, random_checkpoint())
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["swsss"])
    change(header)
    save_file(load_file(path), path, {"swsss": json.dumps(header)})
    return path


def test_checkpoint__of_before_there_were_temperatures(tmp_path):
    found = load_checkpoint(rewritten(tmp_path / "old.safetensors", lambda header: header.pop("temperature")))
    assert found.temperature == ()
    assert found.role == "hybridnet"


@pytest.mark.parametrize("values", [[1.0], [1.0, 1.0, 0.0, 1.0, 1.0], [1.0, 1.0, -2.0, 1.0, 1.0], [1e999] * 5])
def test_checkpoint__temperatures_that_are_none(tmp_path, values):
    path = rewritten(tmp_path / "bad.safetensors", lambda header: header.update(temperature=values))
    with pytest.raises(UserError, match=r"bad\.safetensors is damaged: its temperatures are not one number above 0"):
        load_checkpoint(path)
    assert "damaged" in invoke("swsss-export", path).output
