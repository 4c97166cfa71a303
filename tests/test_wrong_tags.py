"""`benchmarks/wrong_tags.py`: what is drawn, and the scores against evaluating images with those tags one by one."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from swsss.data.classes import ClassTable
from swsss.data.dataset import Sample
from swsss.data.png import write_mask
from swsss.evaluation import evaluate

CLASSES = ClassTable(("background", "a", "b", "c", "d"))
SHARES, PENALTIES = (0.0, 0.25, 0.5), (0.0, 1.5)


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parent.parent / "benchmarks" / "wrong_tags.py"
    spec = importlib.util.spec_from_file_location("wrong_tags", path)
    module = sys.modules["wrong_tags"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Twelve images; one without tags cannot lose any, one with all cannot gain any."""
    folder, draw = tmp_path_factory.mktemp("wrong"), np.random.default_rng(4)
    tags = [set(), {1, 2, 3, 4}, *({1 + index % 4, 1 + index % 3} for index in range(10))]
    found = []
    for index, ids in enumerate(tags):
        image, mask = folder / f"{index}.png", folder / f"{index}_mask.png"
        Image.fromarray(np.full((6, 7, 3), index, np.uint8)).save(image)
        write_mask(mask, draw.choice(sorted({0, *ids}), (6, 7)).astype(np.uint8))
        found.append(Sample(str(index), image, mask, frozenset(ids)))
    return found


class Noise:
    """Stands for nets: scores by the image's colour."""

    device = torch.device("cpu")
    asked = 0

    def scores(self, image, tags):
        assert tags is None
        self.asked += 1
        draw = torch.Generator().manual_seed(int(image[0, 0, 0]))
        return torch.randn(5, 6, 7, generator=draw), torch.arange(5)


@pytest.mark.parametrize("kind", ["removed", "added", "swapped"])
def test_wrong_tags__one_tag_of_as_many_images_as_asked(benchmark, samples, kind):
    true = [sample.tags for sample in samples]
    wrong = benchmark.wrong_tags(true, 5, kind, 0.5, (1, 2))
    assert len(wrong) == 6
    for index, tags in wrong.items():
        assert (len(true[index] - tags), len(tags - true[index])) == {
            "removed": (1, 0),
            "added": (0, 1),
            "swapped": (1, 1),
        }[kind]
        assert tags <= {1, 2, 3, 4}
    assert list(benchmark.wrong_tags(true, 5, kind, 0.25, (1, 2)).items()) == list(wrong.items())[:3]
    assert benchmark.wrong_tags(true, 5, kind, 0.5, (1, 3)) != wrong
    assert len(benchmark.wrong_tags(true, 5, kind, 1.0, (1, 2))) == {"removed": 11, "added": 11, "swapped": 10}[kind]


def test_score_wrong_tags__as_evaluated_one_by_one(benchmark, samples):
    noise = Noise()
    results, without = benchmark.score_wrong_tags(noise, samples, CLASSES, SHARES, PENALTIES, seed=7, draws=2)
    assert noise.asked == len(samples), "the net sees every image once"
    assert len(results) == 3 * 2 * 3
    for result in results:
        place = ("removed", "added", "swapped").index(result.kind)
        for draw, found in enumerate(result.draws):
            true = [sample.tags for sample in samples]
            wrong = benchmark.wrong_tags(true, 5, result.kind, result.share, (7, draw, place))
            changed = [replace(sample, tags=wrong.get(index, sample.tags)) for index, sample in enumerate(samples)]
            expected = evaluate(noise, changed, CLASSES, tag_penalty=result.penalty)
            np.testing.assert_array_equal(found.confusion, expected["given"].confusion)
            assert found.tags == expected["given"].tags
            np.testing.assert_array_equal(without.confusion, expected["none"].confusion)
    assert len({result.miou for result in results}) > 6


def test_table__a_line_a_kind_and_penalty(benchmark, samples):
    results, without = benchmark.score_wrong_tags(Noise(), samples, CLASSES, SHARES, PENALTIES, draws=2)
    lines = benchmark.table(results, without, "about").splitlines()
    assert lines[0].startswith("about; without tags: ")
    assert lines[2] == "| wrong tags are | tags | 0 % wrong | 25 % wrong | 50 % wrong |"
    assert [line.split(" | ")[:2] for line in lines[4:]] == [
        [f"| {kind}", regime]
        for kind in ("removed", "added", "swapped")
        for regime in ("tags=given", "tags=given (penalty 1.5)")
    ]
    assert lines[4].split(" | ")[2] == f"{100 * results[0].miou:.1f}"
