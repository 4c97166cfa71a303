"""The report page of a labelling run: it says where to look, and survives whatever it is given."""

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
from test_report import Page

from swsss.data.classes import ClassTable, palette
from swsss.data.png import write_mask
from swsss.serve.records import Failed, Labelled
from swsss.serve.report import Speed, summarise, write_report
from swsss.serve.report.pictures import data_uri

CLASSES = ClassTable(("background", "cat", "dog", "cow"))
HOSTILE = '"><script>alert(1)</script>'


def labelled(name: str, pixels=None, confidence=0.9, tags=(1,)) -> Labelled:
    pixels = {0: 60, 1: 40} if pixels is None else pixels
    return Labelled(name, f"{name}.png", 10, 10, tags, pixels, dict.fromkeys(pixels, confidence), confidence)


def written(tmp_path: Path, rows=(), failed=(), classes=CLASSES, facts=None, speed=None) -> str:
    write_report(
        tmp_path / "report.html",
        summarise(iter(rows), iter(failed), classes),
        tmp_path / "images",
        tmp_path / "masks",
        facts or {},
        speed or Speed(10, 2.0),
    )
    return (tmp_path / "report.html").read_bytes().decode()


def put(tmp_path: Path, name: str, image: np.ndarray, mask: np.ndarray, **options) -> Labelled:
    path = tmp_path / "images" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)
    write_mask(tmp_path / "masks" / f"{name}.png", mask)
    ids, counts = np.unique(mask, return_counts=True)
    pixels = {int(i): int(n) for i, n in zip(ids, counts, strict=True)}
    return labelled(name, pixels, tags=tuple(i for i in pixels if i))


def pictures(page: str) -> list[tuple[str, Image.Image]]:
    images = [attributes for tag, attributes in Page(page).starts if tag == "img"]
    return [(i["alt"], Image.open(BytesIO(base64.b64decode(i["src"].partition(",")[2])))) for i in images]


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL))


@pytest.mark.parametrize(
    ("rows", "failed", "headline", "ids"),
    [
        (0, 0, "There was no image to label.", []),
        (0, 1, "The one image could not be labelled.", ["failed"]),
        (0, 3, "None of the 3 images could be labelled.", ["failed"]),
        (1, 0, "The one image is labelled.", ["least"]),
        (2998, 2, "2\u202f998 of 3\u202f000 images labelled, 2 failed.", ["failed", "least"]),
        (1200, 0, "All 1\u202f200 images are labelled.", ["least"]),
    ],
)
def test_report__says_how_it_went_and_where_to_look(tmp_path, rows, failed, headline, ids):
    page = written(
        tmp_path, [labelled(f"{i}.jpg") for i in range(rows)], [Failed(f"{i}", "decode", "bad") for i in range(failed)]
    )
    assert f"<h1>{headline}</h1>" in page
    assert f"<title>{headline}</title>" in page
    starts = Page(page).starts
    assert [attributes["href"] for tag, attributes in starts if tag == "a"] == [f"#{name}" for name in ids]
    assert [attributes["id"] for tag, attributes in starts if tag == "section" and "id" in attributes] == ids


def test_report__is_accessible_and_needs_no_other_file(tmp_path):
    row = put(tmp_path, "a.png", np.full((40, 60, 3), 90, np.uint8), np.eye(40, 60, dtype=np.uint8))
    page = written(tmp_path, [replace(row, tags=(1, 2)), labelled("b.jpg")], [Failed("c.jpg", "decode", "bad")])
    starts = Page(page).starts
    assert ("html", {"lang": "en"}) in starts
    assert all(attributes.get("scope") for tag, attributes in starts if tag == "th")
    assert all(attributes.get("aria-label") for tag, attributes in starts if tag == "svg")
    assert [alt for alt, _ in pictures(page)] == [
        "a.png, mask: cat",  # for the tag without a pixel
        "a.png: the image",
        "a.png, mask: cat",
    ]
    ids = {f"#{attributes['id']}" for _, attributes in starts if "id" in attributes}
    links = {attributes[key] for _, attributes in starts for key in ("href", "src") if key in attributes}
    assert {link for link in links if not link.startswith("data:image/jpeg;base64,")} <= ids
    assert not re.search(r"https?://|url\(|@import|<script", page)


def test_report__numbers_stand_where_they_belong(tmp_path):
    rows = [labelled("a", {0: 30, 1: 60, 255: 10}, 0.5), labelled("b", {0: 100}, 1.0)]
    rows.append(labelled("c", {0: 60, 3: 40}, tags=None))
    page = written(tmp_path, rows, facts={"engine": "ONNX"}, speed=Speed(12, 3.0, 5))
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


def test_report__failures_by_reason_and_one_by_one(tmp_path):
    failed = [Failed(f"{name}.jpg", "decode", f"/in/{name}.jpg is cut short.") for name in "ab"]
    told = text_of(written(tmp_path, [], [*failed, Failed("c.jpg", "write", "The disk is full.")]))
    assert "Look first at what failed ." in told
    assert "listed;" not in told
    assert "Images Stage Reason 2 decode is cut short. 1 write The disk is full. One by one" in told
    assert "a.jpg decode /in/a.jpg is cut short. b.jpg decode /in/b.jpg is cut short. c.jpg write The disk" in told
    assert "The first 200 of 201 are listed; failures.csv" in text_of(written(tmp_path, [], 67 * [*failed, failed[0]]))


def test_report__names_from_outside_do_no_harm(tmp_path):
    name = HOSTILE + "\n\udce9\u202e.jpg"
    classes = ClassTable((f"a{HOSTILE}", f"b{HOSTILE}", f"c{HOSTILE}"))
    rows = [labelled(name, tags=(1, 2)), labelled("other", {0: 1}, tags=None)]
    page = written(tmp_path, rows, [Failed(name, HOSTILE, name)], classes, {name: name})
    assert "<script" not in page
    Page(page)
    assert r"&lt;/script&gt;\n\udce9\u202e.jpg" in page


def test_report__pictures_are_upright_small_and_overlaid(tmp_path):
    image = np.zeros((300, 600, 3), np.uint8)
    image[:, :300] = (200, 0, 0)
    mask = np.zeros((300, 600), np.uint8)
    mask[:, 300:] = 2
    exif = Image.Exif()
    exif[0x0112] = 6  # stored left is shown on top
    page = written(tmp_path, [put(tmp_path, "turned.jpg", image, mask, exif=exif)])
    plain, overlaid = (np.asarray(picture.convert("RGB"), float) for _, picture in pictures(page))
    assert plain.shape == overlaid.shape == (320, 160, 3)
    assert np.abs(overlaid[:150].mean((0, 1)) - (200, 0, 0)).max() < 12
    assert np.abs(overlaid[170:].mean((0, 1)) - 0.55 * palette()[2]).max() < 12
    assert np.abs(plain[170:].mean((0, 1))).max() < 12


@pytest.mark.parametrize(("shape", "shown"), [((1, 1), (16, 16)), ((20, 30_000), (320, 16)), ((400, 4), (16, 320))])
def test_report__odd_sizes_are_shown(tmp_path, shape, shown):
    page = written(tmp_path, [put(tmp_path, "odd.png", np.zeros((*shape, 3), np.uint8), np.ones(shape, np.uint8))])
    assert [picture.size for _, picture in pictures(page)] == [shown, shown]


def test_report__what_vanished_or_changed_is_said_and_the_rest_is_shown(tmp_path):
    square, mask = np.zeros((20, 20, 3), np.uint8), np.ones((20, 20), np.uint8)
    rows = [put(tmp_path, f"{name}.png", square, mask) for name in ("gone", "damaged", "maskless", "smaller", "fine")]
    (tmp_path / "images" / "gone.png").unlink()
    (tmp_path / "images" / "damaged.png").write_bytes(b"\x89PNG")
    (tmp_path / "masks" / "maskless.png.png").write_bytes(b"")
    write_mask(tmp_path / "masks" / "smaller.png.png", mask[:10])
    page = written(tmp_path, rows)
    problems = re.findall(r'<p class="gone">(.*?)</p>.*?<span class="name">(.*?)\.png', page, re.DOTALL)
    assert problems == [
        ("The image is gone or can no longer be read.", "damaged"),
        ("The image is gone or can no longer be read.", "gone"),
        ("Its mask is gone or can no longer be read.", "maskless"),
        ("Image and mask differ in size: one of them was changed.", "smaller"),
    ]
    assert [alt for alt, _ in pictures(page)] == ["fine.png: the image", "fine.png, mask: cat"]


def test_report__has_a_limit(tmp_path):
    classes = ClassTable(tuple(f"class number {i}" for i in range(255)))
    rows = [labelled("x" * 4000 + f"{i}", dict.fromkeys(range(120), 9), tags=range(255)) for i in range(100)]
    failed = [Failed("x" * 4000 + f"{i}", "decode", "because " * 999) for i in range(1000)]
    noise = data_uri(np.random.default_rng(0).integers(0, 256, (320, 320, 3), np.uint8))
    assert len(written(tmp_path, rows, failed, classes)) + 3 * 24 * len(noise) < 2_000_000
    assert len(noise) < 22_100


def test_report__does_not_load_torch():
    code = "import sys, swsss.serve.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd="/", check=False).returncode == 0
