"""Which requests become one call of the engine, and whose turn it is."""

import threading
import time
from concurrent.futures import CancelledError, wait

import numpy as np
import pytest

from swsss.serve.server.batcher import Batcher
from swsss.serve.server.turns import Turns


class FakeEngine:
    """Answers with the first pixel of each image and the number of its candidates; may be held up, and may refuse."""

    def __init__(self):
        self.calls, self.free, self.entered = [], threading.Event(), threading.Event()
        self.free.set()

    def label(self, images, candidates):
        self.calls.append(images.shape)
        self.entered.set()
        assert self.free.wait(30)
        if (images[:, 0, 0, 0] == 99).any():
            raise MemoryError("no room for 99")
        counts = (candidates >= 0).sum(1).astype(np.uint8)
        return images[:, :, :, 0], np.broadcast_to(counts[:, None, None], images.shape[:3])


@pytest.fixture
def engine():
    return FakeEngine()


def image(value, height=2, width=3, count=1):
    return np.full((count, height, width, 3), value, np.uint8)


def ids(*values):
    return np.array([values], np.int64)


def held_up(engine, batcher):
    """A first image keeps the engine, until `engine.free` is set; what is asked meanwhile has to wait."""
    engine.free.clear()
    first = batcher.submit(image(1), ids(0))
    assert engine.entered.wait(30)
    return first


def value_of(answer):
    masks, counts = answer.result(30)
    return int(masks[0, 0, 0]), int(counts[0, 0, 0])


def test_batcher__alike_go_together(engine):
    batcher = Batcher(engine, Turns(), 4, 0.0)
    first = held_up(engine, batcher)
    asked = [
        batcher.submit(image(2), ids(0)),
        batcher.submit(image(3, 5, 5), ids(0, 1)),
        batcher.submit(image(4), ids(0, 1, 2)),
        batcher.submit(image(5), ids(0, 1)),
        batcher.submit(image(6), ids(0)),
        batcher.submit(image(7), ids(0)),
    ]
    engine.free.set()
    assert value_of(first) == (1, 1)
    assert [value_of(answer) for answer in asked] == [(2, 1), (3, 2), (4, 3), (5, 2), (6, 1), (7, 1)]
    assert engine.calls == [(1, 2, 3, 3), (4, 2, 3, 3), (1, 5, 5, 3), (1, 2, 3, 3)]


def test_batcher__one_at_a_time(engine):
    batcher = Batcher(engine, Turns(), 1, 0.0)
    first = held_up(engine, batcher)
    asked = [batcher.submit(image(value), ids(0)) for value in (2, 3)]
    engine.free.set()
    assert [value_of(answer)[0] for answer in [first, *asked]] == [1, 2, 3]
    assert [shape[0] for shape in engine.calls] == [1, 1, 1]


def test_batcher__several_in_one_ask_stay_together(engine):
    batcher = Batcher(engine, Turns(), 4, 0.0)
    first = held_up(engine, batcher)
    asked = [
        batcher.submit(image(value, count=count), np.tile(ids(0, 1), (count, 1)))
        for value, count in [(2, 3), (3, 2), (4, 7)]
    ]
    engine.free.set()
    assert first.result(30)
    assert [len(answer.result(30)[0]) for answer in asked] == [3, 2, 7]
    assert [shape[0] for shape in engine.calls] == [1, 3, 2, 7]


def test_batcher__waits_for_others(engine):
    """The first waits long enough for a second that comes later; a full batch does not wait."""
    batcher = Batcher(engine, Turns(), 2, 20.0)
    first = batcher.submit(image(1), ids(0))
    time.sleep(0.05)
    assert engine.calls == []
    second = batcher.submit(image(2), ids(0))
    assert [value_of(first)[0], value_of(second)[0]] == [1, 2]
    assert engine.calls == [(2, 2, 3, 3)]


def test_batcher__alone_after_the_deadline(engine):
    batcher = Batcher(engine, Turns(), 8, 0.02)
    assert value_of(batcher.submit(image(1), ids(0)))[0] == 1
    assert engine.calls == [(1, 2, 3, 3)]


def test_batcher__one_that_fails_fails_alone(engine):
    batcher = Batcher(engine, Turns(), 4, 0.0)
    first = held_up(engine, batcher)
    asked = [batcher.submit(image(value), ids(0)) for value in (2, 99, 4)]
    engine.free.set()
    assert value_of(first)[0] == 1
    assert value_of(asked[0])[0] == 2
    with pytest.raises(MemoryError, match="no room for 99"):
        asked[1].result(30)
    assert value_of(asked[2])[0] == 4


def test_batcher__nobody_waits_any_more(engine):
    batcher = Batcher(engine, Turns(), 1, 0.0)
    first = held_up(engine, batcher)
    gone, last = batcher.submit(image(2), ids(0)), batcher.submit(image(3), ids(0))
    assert gone.cancel()
    engine.free.set()
    assert [value_of(first)[0], value_of(last)[0]] == [1, 3]
    with pytest.raises(CancelledError):
        gone.result(0)
    assert len(engine.calls) == 2


def test_batcher__asked_again_after_its_thread_went(engine, monkeypatch):
    monkeypatch.setattr("swsss.serve.server.batcher._IDLE_SECONDS", 0.01)
    batcher = Batcher(engine, Turns(), 4, 0.0)
    for value in range(1, 4):
        assert value_of(batcher.submit(image(value), ids(0)))[0] == value
        while batcher._threads:
            time.sleep(0.005)


def test_batcher__two_lanes(engine):
    """Two calls at a time, and never three."""
    batcher = Batcher(engine, Turns(2), 1, 0.0, 2)
    engine.free.clear()
    asked = [batcher.submit(image(value), ids(0)) for value in range(5)]
    while len(engine.calls) < 2:
        time.sleep(0.005)
    time.sleep(0.05)
    assert len(engine.calls) == 2
    engine.free.set()
    assert [value_of(answer)[0] for answer in asked] == list(range(5))


@pytest.mark.parametrize("lanes", [1, 3])
def test_batcher__from_many_threads(engine, lanes):
    batcher, answers = Batcher(engine, Turns(lanes), 8, 0.001, lanes), {}

    def ask(start):
        for value in range(start, start + 25):
            answers[value] = batcher.submit(image(value, 1 + value % 3), ids(0))

    threads = [threading.Thread(target=ask, args=(start,)) for start in (100, 125, 150, 175)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wait(answers.values(), 30).not_done
    assert sorted(answers) == list(range(100, 200))
    assert all(value_of(answer)[0] == value for value, answer in answers.items())


def test_turns__requests_first_but_not_for_ever():
    turns, order = Turns(in_a_row=2), []
    started = threading.Semaphore(0)

    def take(kind, name):
        started.release()
        with getattr(turns, kind)():
            order.append(name)

    with turns.request():  # one of the two in a row
        threads = [threading.Thread(target=take, args=("job", "job"))]
        threads += [threading.Thread(target=take, args=("request", f"request {number}")) for number in range(3)]
        for thread in threads:
            thread.start()
            started.acquire()
        time.sleep(0.1)  # for all of them to stand in line
    for thread in threads:
        thread.join(30)
    assert order.index("job") == 1
    assert sorted(order) == ["job", "request 0", "request 1", "request 2"]


def test_turns__given_back_after_an_error():
    turns = Turns()
    with pytest.raises(ValueError, match="no"), turns.job():
        raise ValueError("no")
    with turns.request():
        pass
