"""The summary of a labelling run: right sums, the same images whatever the order, constant memory."""

import random
import weakref
from decimal import Decimal

import numpy as np
import pytest

from swsss.data.classes import IGNORE, ClassTable
from swsss.serve.records import Failed, Labelled
from swsss.serve.report import summarise

CLASSES = ClassTable(("background", "cat", "dog", "cow"))


def labelled(name: str, pixels=None, confidence=0.9, tags=(1,)) -> Labelled:
    pixels = {0: 60, 1: 40} if pixels is None else pixels
    return Labelled(
        name, f"{name}.png", 10, 10, tags, pixels, {i: confidence for i in pixels if i != IGNORE}, confidence
    )


def random_rows(count: int) -> list[Labelled]:
    draw = random.Random(4)
    rows = []
    for index in range(count):
        pixels = {i: draw.randrange(1, 999) for i in (IGNORE, *range(4)) if draw.random() < 0.5}
        tags = None if draw.random() < 0.1 else tuple(i for i in (1, 2, 3) if draw.random() < 0.6)
        rows.append(labelled(f"{index:04}.jpg", pixels, round(draw.random(), 2), tags))
    return rows


def test_summarise__sums_are_those_of_numpy():
    rows = random_rows(500)
    summary = summarise(iter(rows), iter([]), CLASSES)
    counts = np.array([[row.pixels.get(i, 0) for i in (*range(4), IGNORE)] for row in rows])
    means = np.array([row.mean_confidence for row in rows])
    assert (summary.images, summary.failed) == (500, 0)
    assert summary.untagged == sum(row.tags is None for row in rows) > 0
    assert (summary.pixels, summary.left_out) == (counts.sum(), counts[:, 4].sum())
    assert summary.mean_confidence == pytest.approx(means.mean())
    bins = [min(int(Decimal(str(mean)) * 20), 19) for mean in means]
    assert list(summary.histogram) == np.bincount(bins, minlength=20).tolist()
    for index, each in enumerate(summary.per_class):
        tagged = np.array([index in (row.tags or ()) for row in rows])
        assert each.pixels == counts[:, index].sum()
        assert (each.tagged, each.found) == (tagged.sum(), (counts[:, index] > 0).sum())
        assert each.missing == (tagged & (counts[:, index] == 0)).sum()
        assert each.confidence == pytest.approx(np.average(means, weights=counts[:, index]))
    assert sum(each.missing for each in summary.per_class) == sum(len(row.not_found) for row in rows)


def test_summarise__what_is_shown_does_not_depend_on_the_order():
    rows = random_rows(500)  # with ties: confidences have two digits
    shuffled = random.Random(1).sample(rows, len(rows))
    first, second = (summarise(iter(each), iter([]), CLASSES) for each in (rows, shuffled))
    assert first.least_sure == second.least_sure
    assert list(first.least_sure) == sorted(rows, key=lambda row: (row.mean_confidence, row.image))[:24]
    assert first.missing == second.missing
    assert len({row.image for row in first.missing}) == 24
    assert [row.image for row in first.missing] != sorted(row.image for row in rows if row.not_found)[:24]


def test_summarise__a_weak_class_does_not_crowd_out_the_others():
    rows = [labelled(f"cat{i}", {0: 1}, tags=(1,)) for i in range(300)]
    rows += [labelled(f"dog{i}", {0: 1}, tags=(2,)) for i in range(30)] + [labelled("both", {0: 1}, tags=(2, 3))]
    shown = summarise(rows, [], CLASSES).missing
    assert [row.tags for row in shown[:5]] == [(1,), (2,), (2, 3), (1,), (2,)]
    assert len(shown) == 24


def test_summarise__keeps_few_rows():
    alive: weakref.WeakValueDictionary[int, Labelled] = weakref.WeakValueDictionary()
    most = 0

    def rows():
        nonlocal most
        for index in range(5000):
            row = labelled(f"{index}", {0: 1}, 1 - index / 5000, tags=(1, 2, 3))
            alive[index] = row
            most = max(most, len(alive))
            yield row

    summarise(rows(), (Failed(f"{i}", "decode", f"reason {chr(65 + i % 60)}{'x' * i}") for i in range(500)), CLASSES)
    assert 24 < most <= 24 * 4 + 3


def test_summarise__failures_word_for_word_and_by_kind():
    failed = [Failed(f"{i}.jpg", "decode", f"/in/{i}.jpg cannot be read: it has {i} bytes.") for i in range(250)]
    summary = summarise([], [*failed, Failed("x.png", "write", "The disk is full.")], CLASSES)
    assert summary.failed == 251
    assert summary.failures == tuple(failed[:200])
    assert summary.kinds == (
        ("decode", "cannot be read: it has N bytes.", 250),
        ("write", "The disk is full.", 1),
    )


def test_summarise__countless_kinds_of_failures_are_put_together():
    summary = summarise([], (Failed("a", "infer", "x" * i) for i in range(1, 1001)), CLASSES)
    assert summary.kinds[0] == ("infer", "other reasons", 950)
    assert sum(count for *_, count in summary.kinds) == 1000
