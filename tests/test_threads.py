"""Work done ahead: in order, bounded, and over when its block is."""

import contextlib
import threading
import time

import pytest

from swsss.threads import ahead


@pytest.mark.parametrize("count", [0, 1, 3, 4, 50])
@pytest.mark.parametrize("threads", [1, 3])
def test_ahead__in_order(count, threads):
    def slow_at_first(number):
        time.sleep(0.01 / (1 + number))
        return number * number

    with ahead(slow_at_first, iter(range(count)), threads, depth=4) as results:
        assert list(results) == [number * number for number in range(count)]


def test_ahead__no_further_than_depth():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    with ahead(str, items(), threads=2, depth=5) as results:
        for done, _ in enumerate(results):
            assert len(taken) <= done + 6
    assert len(taken) == 100


def test_ahead__side_by_side():
    """Each of two calls waits for the other: one thread alone would wait for ever."""
    barrier = threading.Barrier(2, timeout=30)
    with ahead(lambda _: barrier.wait(), range(4), threads=2, depth=4) as results:
        assert len(list(results)) == 4


def test_ahead__error_when_its_turn_comes():
    def inverse(number):
        return 1 / number

    before = threading.active_count()
    with ahead(inverse, [1, 2, 0, 4], threads=2, depth=4) as results:
        assert [next(results), next(results)] == [1, 0.5]
        with pytest.raises(ZeroDivisionError):
            next(results)
    assert threading.active_count() == before


def test_ahead__left_early():
    """What has not begun is dropped, what has is waited for."""
    finished = []

    def work(number):
        time.sleep(0.05)
        finished.append(number)

    before = threading.active_count()
    with contextlib.suppress(KeyboardInterrupt), ahead(work, range(1000), threads=2, depth=100) as results:
        next(results)
        raise KeyboardInterrupt
    assert threading.active_count() == before
    assert len(finished) < 20
