"""The memory budget: what an image costs, who waits for whom, and what is refused."""

import asyncio
import re
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from labelling import contents, done, label, make_photos, save, table

from swsss.errors import UserError
from swsss.model.file import read_info
from swsss.serve import memory
from swsss.serve.engines.onnx import OnnxEngine
from swsss.serve.memory import MAX_ELEMENTS, MemoryBudget, check_image, cost, largest_tensor


@pytest.fixture(scope="module")
def info(model_file):
    return read_info(model_file)


def granted(claims):
    return [claim.granted.done() for claim in claims]


def test_budget__first_come_first_served():
    budget = MemoryBudget(100)
    claims = [budget.claim(size) for size in (60, 30, 50, 10)]
    assert granted(claims) == [True, True, False, False], "what fits waits behind what came before"
    assert budget.used == 90
    claims[1].release()
    assert granted(claims) == [True, True, False, False]
    claims[0].release()
    assert granted(claims) == [True, True, True, True]
    assert budget.used == 60
    for claim in claims:
        claim.release()
        claim.release()
    assert budget.used == 0


def test_budget__who_no_longer_asks_stops_nobody():
    budget = MemoryBudget(100)
    first, second, third = (budget.claim(size) for size in (80, 50, 20))
    second.release()
    assert granted([first, third]) == [True, True]
    assert budget.used == 100


def test_budget__more_than_there_is_is_all_there_is():
    budget = MemoryBudget(100)
    claim = budget.claim(1000)
    assert granted([claim, budget.claim(1)]) == [True, False]


def test_budget__shrunk():
    budget = MemoryBudget(100)
    first, second = budget.claim(90), budget.claim(50)
    first.shrink(40)
    assert second.granted.done()
    assert budget.used == 90
    first.shrink(70)
    assert budget.used == 90, "a claim never grows"


def test_budget__at_once_or_not_at_all():
    budget = MemoryBudget(100)
    claim = budget.claim_now(60)
    assert claim is not None
    assert budget.claim_now(60) is None
    waiting = budget.claim(60)
    assert budget.claim_now(10) is None, "somebody waits"
    assert budget.claim_now(0) is not None
    claim.release()
    assert waiting.granted.done()


def test_budget__coroutines_and_threads():
    """However they come and go, no more is held than there is, and everybody is served."""
    budget = MemoryBudget(100)
    random = np.random.default_rng(0)
    held, most, lock = 0, 0, threading.Lock()

    def count(size):
        nonlocal held, most
        with lock:
            held += size
            most = max(most, held)

    def in_a_thread(sizes):
        for size in sizes:
            with budget.claim(size) as claim:
                claim.granted.result(10)
                count(size)
                time.sleep(0.0005)
                count(-size)

    async def one(size, impatient):
        with budget.claim(size) as claim:
            await asyncio.wait_for(asyncio.wrap_future(claim.granted), 0.001 if impatient else 10)
            count(size)
            await asyncio.sleep(0.0005)
            count(-size)

    async def coroutines():
        sizes = random.integers(1, 100, 100)
        asked = (one(int(size), number % 5 == 0) for number, size in enumerate(sizes))
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(result) for result in results} <= {type(None), TimeoutError}

    threads = [threading.Thread(target=in_a_thread, args=(random.integers(1, 100, 30).tolist(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    asyncio.run(coroutines())
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert most <= 100
    assert budget.used == 0


def test_cost__grows_with_pixels_candidates_and_views(info):
    base = cost(info, 1000, 1000, 2)
    assert base < cost(info, 1000, 1000, 5) < cost(info, 1000, 2000, 5)
    assert base < cost(info.model_copy(update={"scales": (0.5, 1.0, 1.5)}), 1000, 1000, 2)
    assert base < cost(info.model_copy(update={"attention": 12 / 14**4}), 1000, 1000, 2)
    # Who scores every class pays for every class.
    for change in ({"task": "plain"}, {"tag_penalty": 5.0}):
        changed = info.model_copy(update=change)
        assert cost(changed, 1000, 1000, 1) == cost(info, 1000, 1000, len(info.classes))


def test_cost__is_not_below_what_is_taken(model_file):
    """`benchmarks/memory.py` measures more; here one image in a process that has labelled a small one."""
    engine = OnnxEngine(model_file, "cpu", 1)
    engine.label(np.zeros((1, 64, 64, 3), np.uint8), np.array([[0, 1]]))
    image = np.zeros((1, 1200, 1600, 3), np.uint8)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    engine.label(image, np.array([[0, 1, 2, 3, 4]]))
    taken = resident("VmHWM") - before
    assert 0.2 * cost(engine.info, 1200, 1600, 5) < taken < cost(engine.info, 1200, 1600, 5)


def test_engine__gives_memory_back(model_file):
    engine = OnnxEngine(model_file, "cpu", 1)
    ids = np.array([[0, 1, 2, 3, 4]])
    engine.label(np.zeros((1, 480, 640, 3), np.uint8), ids)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    engine.label(np.zeros((1, 3000, 6000, 3), np.uint8), ids)
    assert resident("VmHWM") - before > 1e9, "too small to say anything"
    assert resident("VmRSS") - before < 2e8


def resident(field):
    return int(re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024


@pytest.mark.parametrize(
    ("height", "width", "classes"), [(8000, 6000, 59), (50_000, 50_000, 1), (2, 1 << 30, 2), (13_300, 13_300, 60)]
)
def test_check_image__more_than_a_tensor_holds(info, height, width, classes):
    info = info.model_copy(update={"classes": ("background", *(f"{number}" for number in range(200)))})
    assert largest_tensor(info, height, width, classes) > MAX_ELEMENTS
    with pytest.raises(UserError) as caught:
        check_image(info, height, width, classes)
    assert f"{width}×{height}" in str(caught.value)


def test_engine__refuses_what_would_end_the_process(model_file):
    """Two numbers more than a tensor holds, in strips that cost nothing: the pixels are those of one row."""
    engine = OnnxEngine(model_file, "cpu", 1)
    image = np.broadcast_to(np.zeros(3, np.uint8), (1, 1 << 14, (1 << 15) + 1, 3))
    with pytest.raises(UserError, match="tensor"):
        engine.label(image, np.array([[0, 1, 2, 3]]))


def test_engine__batches_are_parted(model_file, monkeypatch):
    engine = OnnxEngine(model_file, "cpu", 1)
    images = np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3), np.uint8)
    ids = np.array([[0, 1], [0, 2], [0, -1], [1, 4], [3, 4]])
    expected = [engine.label(images[number : number + 1], ids[number : number + 1])[0][0] for number in range(5)]
    monkeypatch.setattr("swsss.serve.engines.onnx.MAX_ELEMENTS", 2 * largest_tensor(engine.info, 40, 40, 2))
    sizes = []
    run = engine._label
    monkeypatch.setattr(
        engine, "_label", lambda some, *rest, **more: sizes.append(len(some)) or run(some, *rest, **more)
    )
    masks, _ = engine.label(images, ids)
    np.testing.assert_array_equal(masks, expected)
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize("batch", [1, 3])
def test_label__small_budget_same_masks(model_file, tmp_path, monkeypatch, batch):
    """Room for little more than the largest image: slower, and otherwise the same."""
    photos = make_photos(tmp_path / "photos", 12)
    done(label(photos, model_file, tmp_path / "wide", "--batch", batch))
    largest = cost(read_info(model_file), 48, 64, 5)
    budgets = []

    def small(_):
        budgets.append(MemoryBudget(round(1.3 * largest)))
        return budgets[-1]

    monkeypatch.setattr("swsss.serve.label.MemoryBudget", small)
    done(label(photos, model_file, tmp_path / "narrow", "--batch", batch))
    assert contents(tmp_path / "narrow") == contents(tmp_path / "wide")
    assert [budget.used for budget in budgets] == [0]


def test_label__image_beyond_the_budget_is_a_listed_failure(model_file, tmp_path, monkeypatch):
    photos = make_photos(tmp_path / "photos", 6)
    save(photos / "images" / "00.jpg", np.zeros((600, 800, 3), np.uint8))
    total = cost(read_info(model_file), 400, 400, 5)
    monkeypatch.setattr("swsss.serve.label.MemoryBudget", lambda _: MemoryBudget(total))
    done(label(photos, model_file, tmp_path / "out"), 1)
    [row] = table(tmp_path / "out" / "failures.csv")
    assert (row["image"], row["stage"]) == ("00.jpg", "decode")
    assert "800×600" in row["reason"]
    assert str(tmp_path) not in row["reason"]


@pytest.mark.parametrize(
    ("lines", "files", "expected"),
    [
        ("0::/a/b\n", {"memory.max": "max", "a/memory.max": "5000", "a/b/memory.max": "max"}, 5000),
        ("0::/\n", {"memory.max": "7000\n"}, 7000),
        (
            "5:cpu,memory:/x\n0::/\n",
            {"memory/memory.limit_in_bytes": "9000", "memory/x/memory.limit_in_bytes": "8000"},
            8000,
        ),
        ("0::/../out\n", {"memory.max": "6000"}, 6000),
        ("", {"memory.max": "damaged"}, None),
    ],
)
def test_available_memory__of_the_container(tmp_path, monkeypatch, lines, files, expected):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "cgroup").write_text(lines)
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path)
    monkeypatch.setattr(memory, "_OWN_CGROUPS", tmp_path / "cgroup")
    machine = re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    assert memory.available_memory() == pytest.approx(expected or int(machine[1]) * 1024, rel=0.01)
