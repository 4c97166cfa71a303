"""The report of a labelling run: it says where to look, and survives whatever it is given."""

import base64
import re
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_pages import drawn, report_in, text_of

from swsss.data.classes import ClassTable, palette
from swsss.data.png import write_mask
from swsss.serve.records import Failed, Labelled
from swsss.serve.report import Speed, summarise, write_report
from swsss.serve.report.pictures import data_uri

pytest_plugins = "page_fixtures"

CLASSES = ClassTable(("background", "cat", "dog", "cow"))
HOSTILE = "\"></script><script>alert(1)</script><!--<img src=x onerror='alert(2)'>&amp;"


def labelled(name: str, pixels=None, confidence=0.9, tags=(1,)) -> Labelled:
    pixels = {0: 60, 1: 40} if pixels is None else pixels
    return Labelled(name, f"{name}.png", 10, 10, tags, pixels, dict.fromkeys(pixels, confidence), confidence)


def write(tmp_path: Path, rows=(), failed=(), classes=CLASSES, facts=None, speed=None) -> Path:
    path = tmp_path / "report.html"
    summary = summarise(iter(rows), iter(failed), classes)
    write_report(path, summary, tmp_path / "images", tmp_path / "masks", facts or {}, speed or Speed(10, 2.0))
    return path


def put(tmp_path: Path, name: str, image: np.ndarray, mask: np.ndarray, **options) -> Labelled:
    path = tmp_path / "images" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)
    write_mask(tmp_path / "masks" / f"{name}.png", mask)
    ids, counts = np.unique(mask, return_counts=True)
    pixels = {int(i): int(n) for i, n in zip(ids, counts, strict=True)}
    return labelled(name, pixels, tags=tuple(i for i in pixels if i not in {0, 255}))


def picture_of(card) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(card["picture"].partition(",")[2])))


def mask_of(card) -> np.ndarray:
    runs = np.array(card["mask"]["runs"]).reshape(-1, 2)
    return np.repeat(runs[:, 0], runs[:, 1]).reshape(card["mask"]["height"], card["mask"]["width"])


@pytest.mark.parametrize(
    ("rows", "failed", "headline", "ids"),
    [
        (0, 0, "There was no image to label.", []),
        (0, 1, "The one image could not be labelled.", ["failed"]),
        (0, 3, "None of the 3 images could be labelled.", ["failed"]),
        (1, 0, "The one image is labelled.", ["least"]),
        (2998, 2, "2\u202f998 of 3\u202f000 images labelled, 2 failed.", ["failed", "least"]),
    ],
)
def test_report__says_how_it_went_and_where_to_look(browser, tmp_path, rows, failed, headline, ids):
    failures = [Failed(f"{i}", "decode", "bad") for i in range(failed)]
    with drawn(browser, write(tmp_path, [labelled(f"{i}.jpg") for i in range(rows)], failures)) as page:
        assert page.locator("h1").text_content() == page.title() == headline
        links = page.locator(".intro a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
        assert links == [f"#{name}" for name in ids]
        assert all(page.locator(f"section{link}").count() == 1 for link in links)


def test_report__is_accessible(browser, tmp_path):
    row = put(tmp_path, "a.png", np.full((40, 60, 3), 90, np.uint8), np.eye(40, 60, dtype=np.uint8))
    rows = [replace(row, tags=(1, 2)), labelled("b.jpg")]
    with drawn(browser, write(tmp_path, rows, [Failed("c.jpg", "decode", "bad")])) as page:
        assert page.locator("th:not([scope])").count() == 0
        assert page.locator("svg:not([aria-label]), img:not([alt]), canvas:not([aria-label])").count() == 0
        assert page.get_by_role("img", name="a.png, mask: cat").count() == 2  # least sure, and a tag without a pixel
        assert page.get_by_role("img", name="a.png: the image").count() == 1
        page.get_by_role("link", name="1 tag without a pixel").click()
        assert page.url.endswith("#missing")


def test_report__numbers_stand_where_they_belong(browser, tmp_path):
    rows = [labelled("a", {0: 30, 1: 60, 255: 10}, 0.5), labelled("b", {0: 100}, 1.0)]
    rows.append(labelled("c", {0: 60, 3: 40}, tags=None))
    path = write(tmp_path, rows, facts={"engine": "ONNX"}, speed=Speed(12, 3.0, 5))
    with drawn(browser, path) as page:
        told = text_of(page)
    for fact in (
        "Labelled 3 of 3 images; 1 without tags",
        "Tags without a pixel 1 50.0 % of 2 tags",
        "Mean confidence 80.0 %",
        "Pixels 300 3.3 % left out as unsure",
        "Speed 4 images/s 12 in 3 s; 5 were done before",
        "where found, % cat 2 1 50.0 50.0",
        "b confidence 100.0 % cat: no pixel background only",
        "c confidence 90.0 % cow (no tags)",
        "background 3 – background has no tag 63.3 88.9 cat 1 2 20.0 50.0 cow 1 0 13.3 90.0",
        "Neither tagged nor found: dog.",
        "50 to 55 %: 1 image 33.3 90 to 95 %: 1 image 33.3 95 to 100 %: 1 image 33.3 0 10",
        "How these labels were made engine ONNX",
    ):
        assert fact in told


def test_report__failures_by_reason_and_one_by_one(browser, tmp_path):
    failed = [Failed(f"{name}.jpg", "decode", f"/in/{name}.jpg is cut short.") for name in "ab"]
    with drawn(browser, write(tmp_path, [], [*failed, Failed("c.jpg", "write", "The disk is full.")])) as page:
        told = text_of(page)
    assert "Images Stage Reason 2 decode is cut short. 1 write The disk is full. One by one" in told
    assert "a.jpg decode /in/a.jpg is cut short. b.jpg decode /in/b.jpg is cut short. c.jpg write The disk" in told
    many = report_in(write(tmp_path, [], 67 * [*failed, failed[0]]))
    assert (many["failed"], len(many["failures"])) == (201, 200)


def test_report__names_from_outside_do_no_harm(browser, tmp_path):
    name = HOSTILE + "\n\udce9\u202e.jpg"
    classes = ClassTable((f"a{HOSTILE}", f"b{HOSTILE}", f"c{HOSTILE}"))
    rows = [labelled(name, tags=(1, 2)), labelled("other", {0: 1}, tags=None)]
    path = write(tmp_path, rows, [Failed(name, HOSTILE, name)], classes, {name: name})
    assert path.read_bytes().isascii() or path.read_text(encoding="utf-8")
    with drawn(browser, path) as page:
        assert page.locator("script").count() == 2
        assert page.locator("main img, main script").count() == 0
        assert page.locator("#failed .name").text_content() == HOSTILE + r"\n\udce9\u202e.jpg"
        assert f"b{HOSTILE}" in text_of(page)


def test_report__masks_lie_over_their_pictures(browser, tmp_path):
    image = np.full((100, 160, 3), (200, 0, 0), np.uint8)
    mask = np.zeros((100, 160), np.uint8)
    mask[:, 40:80] = 2
    mask[:, 120:] = 255
    with drawn(browser, write(tmp_path, [put(tmp_path, "a.png", image, mask)])) as page:
        shown = page.locator("canvas").evaluate(
            "canvas => [...canvas.getContext('2d').getImageData(0, 50, canvas.width, 1).data]"
        )
    line = np.array(shown).reshape(160, 4)[:, :3]
    assert np.abs(line[10] - (200, 0, 0)).max() < 8, "background stays as it is"
    assert np.abs(line[60] - (0.55 * palette()[2] + 0.45 * 60)).max() < 12, "the class over grey"
    assert line[40].tolist() == palette()[2].tolist(), "an opaque rim"
    assert len({tuple(colour // 32) for colour in line[130:150]}) > 1, "hatched where it was left out"


def test_report__pictures_are_upright_and_small(tmp_path):
    image = np.zeros((300, 600, 3), np.uint8)
    image[:, :300] = (200, 0, 0)
    mask = np.zeros((300, 600), np.uint8)
    mask[:, 300:] = 2
    exif = Image.Exif()
    exif[0x0112] = 6  # stored left is shown on top
    (card,) = report_in(write(tmp_path, [put(tmp_path, "turned.jpg", image, mask, exif=exif)]))["least_sure"]
    plain = np.asarray(picture_of(card).convert("RGB"), float)
    assert plain.shape == (320, 160, 3)
    assert np.abs(plain[:150].mean((0, 1)) - (200, 0, 0)).max() < 12
    assert np.abs(plain[170:].mean((0, 1))).max() < 12
    np.testing.assert_array_equal(mask_of(card), np.repeat([0, 2], 160)[:, None].repeat(160, axis=1))


@pytest.mark.parametrize(("shape", "shown"), [((1, 1), (16, 16)), ((20, 30_000), (320, 16)), ((400, 4), (16, 320))])
def test_report__odd_sizes_are_shown(tmp_path, shape, shown):
    row = put(tmp_path, "odd.png", np.zeros((*shape, 3), np.uint8), np.ones(shape, np.uint8))
    (card,) = report_in(write(tmp_path, [row]))["least_sure"]
    assert picture_of(card).size == mask_of(card).shape[::-1] == shown


def test_report__what_vanished_or_changed_is_said_and_the_rest_is_shown(browser, tmp_path):
    square, mask = np.zeros((20, 20, 3), np.uint8), np.ones((20, 20), np.uint8)
    rows = [put(tmp_path, f"{name}.png", square, mask) for name in ("gone", "damaged", "maskless", "smaller", "fine")]
    (tmp_path / "images" / "gone.png").unlink()
    (tmp_path / "images" / "damaged.png").write_bytes(b"\x89PNG")
    (tmp_path / "masks" / "maskless.png.png").write_bytes(b"")
    write_mask(tmp_path / "masks" / "smaller.png.png", mask[:10])
    path = write(tmp_path, rows)
    problems = {card["image"]: "problem" in card for card in report_in(path)["least_sure"]}
    assert problems == dict.fromkeys(["gone.png", "damaged.png", "maskless.png", "smaller.png"], True) | {
        "fine.png": False
    }
    with drawn(browser, path) as page:
        assert page.locator(".gone").count() == 4
        assert page.locator("canvas").count() == 1


def test_report__has_a_limit(tmp_path):
    classes = ClassTable(tuple(f"class number {i}" for i in range(255)))
    rows = [labelled("x" * 4000 + f"{i}", dict.fromkeys(range(120), 9), tags=range(255)) for i in range(100)]
    failed = [Failed("x" * 4000 + f"{i}", "decode", "because " * 999) for i in range(1000)]
    draw = np.random.default_rng(0)
    pixels, mask = draw.integers(0, 256, (320, 320, 3), np.uint8), draw.integers(0, 9, (320, 320), np.uint8)
    noise = put(tmp_path, "a.png", pixels, mask)
    (card,) = report_in(write(tmp_path, [noise], classes=classes))["least_sure"]
    hardest = len(card["picture"]) + len(re.sub(r"\s", "", str(card["mask"]["runs"])))
    assert write(tmp_path, rows, failed, classes).stat().st_size + 2 * 24 * hardest < 2_000_000
    assert len(data_uri(draw.integers(0, 256, (320, 320, 3), np.uint8))) < 22_100


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("number(1234567)", "1 234 567"),
        ("percent(0)", "0.0"),
        ("percent(0.0004)", "< 0.1"),
        ("percent(0.9996)", "> 99.9"),
        ("percent(1)", "100.0"),
        ("inWords(1250000001).join(' ')", "1.3 billion"),
        ("inWords(999999)[0]", "999 999"),
        ("three(0.12345)", "0.123"),
        ("duration(0.02)", "0.02 s"),
        ("duration(83.1)", "1 min 23 s"),
        ("duration(7260)", "2 h 1 min"),
        ("many(1, 'image')", "1 image"),
        ("plain('a\\u0007\\ud800')", r"a\u0007\ud800"),
    ],
)
def test_report__numbers_in_words(words, said, expected):
    assert words.evaluate(said).replace("\u202f", " ") == expected


@pytest.fixture(scope="module")
def words(browser, tmp_path_factory):
    """A page whose functions can be called."""
    with drawn(browser, write(tmp_path_factory.mktemp("words"))) as page:
        yield page


def test_report__does_not_load_torch():
    code = "import sys, swsss.serve.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd="/", check=False).returncode == 0
