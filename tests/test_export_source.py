"""What can be exported: checkpoints of ours and of the authors, the labeller of a run."""

import dataclasses
import hashlib
from pathlib import Path

import pytest
import torch
from models import CLASSES, random_checkpoint
from reference_authors import make_state, reference_logits

from swsss.checkpoint import Checkpoint, save_checkpoint
from swsss.config import load_config
from swsss.data.classes import ClassTable
from swsss.errors import UserError
from swsss.export.source import default_model_file, hash_files, load_source


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """What a run leaves of stage 1, its two nets different ones."""
    folder = tmp_path / "first"
    folder.mkdir()
    save_checkpoint(folder / "hybridnet.safetensors", random_checkpoint(0))
    save_checkpoint(folder / "pseudonet.safetensors", random_checkpoint(1))
    return folder


def configure(folder: Path, tiny: Path, labeller: str, tta: str) -> None:
    settings = tiny.read_text().replace('labeller = "average"', f'labeller = "{labeller}"')
    (folder / "config.toml").write_text(settings.replace('tta = "flip"', f'tta = "{tta}"'))


def head(net):
    return net.state_dict()["classifier.weight"]


def sha256(*paths):
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def test_load_source__checkpoint(checkpoint_file):
    source = load_source(checkpoint_file)
    assert (source.name, source.classes, source.task, source.tta) == (
        checkpoint_file.name,
        CLASSES,
        "conditioned",
        "none",
    )
    assert len(source.nets) == 1
    assert torch.equal(head(source.nets[0]), head(random_checkpoint().net))
    assert source.sha256 == sha256(checkpoint_file)


def test_load_source__plain_checkpoint(tmp_path):
    save_checkpoint(tmp_path / "final.safetensors", random_checkpoint(0, task="plain"))
    assert load_source(tmp_path / "final.safetensors").task == "plain"


def test_load_source__authors(tmp_path):
    state = make_state(50, 21, aspp=16, shortcut=8)
    torch.save(state, tmp_path / "hybridnet.pth")
    source = load_source(tmp_path / "hybridnet.pth")
    assert (len(source.classes), source.task, source.tta) == (21, "conditioned", "none")
    image = torch.randn(1, 3, 33, 33, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found, expected = source.nets[0](image), reference_logits(state, image)
    torch.testing.assert_close(found[0, :, 0, 0], expected[0, :, 0, 0], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("labeller", "seeds", "tta"), [("average", [0, 1], "flip"), ("hybridnet", [0], "paper"), ("pseudonet", [1], "none")]
)
def test_load_source__run_folder(run_folder, tiny, labeller, seeds, tta):
    configure(run_folder, tiny, labeller, tta)
    source = load_source(run_folder)
    assert (source.name, source.tta, source.task) == ("first", tta, "conditioned")
    assert [head(net).tolist() for net in source.nets] == [head(random_checkpoint(seed).net).tolist() for seed in seeds]
    names = ["hybridnet.safetensors", "pseudonet.safetensors"]
    assert source.sha256 == sha256(*(run_folder / names[seed] for seed in seeds))


def test_load_source__run_folder_of_a_teacher(run_folder, tiny):
    """Its one net, whatever else lies there."""
    configure(run_folder, tiny, "teacher", "none")
    settings = (run_folder / "config.toml").read_text().replace("[stage1]", '[stage1]\nmethod = "teacher"')
    (run_folder / "config.toml").write_text(settings)
    with pytest.raises(UserError, match=r"first has no teacher\.safetensors yet; finish its stage 1, or name"):
        load_source(run_folder)
    save_checkpoint(run_folder / "teacher.safetensors", random_checkpoint(2))
    source = load_source(run_folder)
    assert [head(net).tolist() for net in source.nets] == [head(random_checkpoint(2).net).tolist()]
    assert source.sha256 == sha256(run_folder / "teacher.safetensors")


def test_load_source__run_folder_as_training_writes_it(finished):
    labels = load_config(file=finished / "config.toml").labels
    assert (labels.labeller, labels.tta) == ("average", "flip")
    source = load_source(finished)
    assert (len(source.nets), source.tta) == (2, "flip")


def test_load_source__unfinished_run(run_folder, tiny):
    configure(run_folder, tiny, "average", "none")
    (run_folder / "pseudonet.safetensors").unlink()
    with pytest.raises(UserError, match=r"first has no pseudonet\.safetensors yet; finish its stage 1, or name"):
        load_source(run_folder)


def test_load_source__nets_of_two_runs(run_folder, tiny):
    configure(run_folder, tiny, "average", "none")
    other = ClassTable(("background", "a", "b", "c", "d"))
    save_checkpoint(run_folder / "pseudonet.safetensors", Checkpoint(random_checkpoint(1).net, other, "conditioned"))
    with pytest.raises(UserError, match=r"The nets in .*first know different classes; they are not of one run"):
        load_source(run_folder)


def test_load_source__settings_cannot_be_read(run_folder):
    (run_folder / "config.toml").write_text("[labels\n")
    with pytest.raises(UserError, match=r"config\.toml"):
        load_source(run_folder)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing.safetensors", r"There is no checkpoint or run folder .*missing\.safetensors\."),
        ("images", r"images is no run folder of swsss-train \(it has no config\.toml\)"),
        ("cut.safetensors", r"cut\.safetensors is not a whole safetensors file"),
        ("model.onnx", r"model\.onnx is not a whole safetensors file"),
        ("theirs.pth", r"theirs\.pth cannot be loaded as weights only"),
    ],
)
def test_load_source__foreign(checkpoint_file, tmp_path, name, sentence):
    (tmp_path / "images").mkdir()
    (tmp_path / "cut.safetensors").write_bytes(checkpoint_file.read_bytes()[:5000])
    (tmp_path / "model.onnx").write_bytes(b"\x08\x0a")
    (tmp_path / "theirs.pth").write_bytes(b"PK")
    with pytest.raises(UserError, match=sentence) as caught:
        load_source(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_hash_files__one_after_the_other(tmp_path):
    whole, parts = tmp_path / "whole", [tmp_path / "a", tmp_path / "b"]
    content = bytes(range(256)) * 9000
    whole.write_bytes(content)
    parts[0].write_bytes(content[:1_500_000])
    parts[1].write_bytes(content[1_500_000:])
    assert hash_files(parts) == hash_files([whole]) == hashlib.sha256(content).hexdigest()


def test_default_model_file(tmp_path, monkeypatch):
    (tmp_path / "runs" / "v1.5").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "runs" / "v1.5")
    assert default_model_file(Path("a/final.safetensors")) == Path("a/final.onnx")
    assert default_model_file(tmp_path / "runs" / "v1.5") == tmp_path / "runs" / "v1.5" / "model.onnx"
    assert default_model_file(Path()) == Path("model.onnx")


def test_load_source__run_folder_temperature_and_penalty(run_folder, tiny):
    """Of averaged nets the geometric mean of their temperatures; what tags weigh is a setting of the run's labels."""
    configure(run_folder, tiny, "average", "none")
    assert (load_source(run_folder).temperature, load_source(run_folder).tag_penalty) == ((), 0.0)
    for seed, name, values in [
        (0, "hybridnet", (1.0, 2.0, 4.0, 1.0, 0.5)),
        (1, "pseudonet", (4.0, 2.0, 1.0, 1.0, 2.0)),
    ]:
        calibrated = dataclasses.replace(random_checkpoint(seed), temperature=values)
        save_checkpoint(run_folder / f"{name}.safetensors", calibrated)
    config = run_folder / "config.toml"
    config.write_text(config.read_text().replace('labeller = "average"', 'labeller = "average"\ntag_penalty = 3.5'))
    source = load_source(run_folder)
    assert source.temperature == pytest.approx((2.0, 2.0, 2.0, 1.0, 1.0))
    assert source.tag_penalty == 3.5
