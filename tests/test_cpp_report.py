"""The native report against `swsss.serve.report`: the same page, and pictures that look the same."""

import base64
import os
import random
import re
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from labelling import done, label, make_photos, picture, save
from native import run
from PIL import Image
from test_report import Page

from swsss.data.classes import ClassTable
from swsss.data.png import write_mask
from swsss.serve.journal import Journal
from swsss.serve.records import Failed, Labelled
from swsss.serve.report import Speed, summarise, write_report

CLASSES = ClassTable(("background", "cat", '"><script>alert(1)</script>', "a & 'b' \udcff", *map(str, range(4, 30))))
FACTS = {"model": "a\n<b>", "tags": "--untagged all", "\udce9": "é\u202e😀\U000e0001"}
NAMES = [
    '"><script>.jpg',
    "line\nbreak\t\x00\x7f\x85\xad.jpg",
    "日/é😀\u2028\u3000\u202f\ue000\U000e0001\u0378.jpg",
    "no\udcff/\udce2\udc82x\udced\udca0\udc80.jpg",
    "x" * 239 + "é",
    "x" * 240 + "é",
    "deep/" * 90 + "é\udcff" * 100,
]
PICTURE = re.compile(r'"data:image/jpeg;base64,([^"]*)"')


def compare(folder, rows=(), failed=(), speed=None, classes=CLASSES, facts=None):
    """Write the page with both programs; Python's, without its pictures."""
    journal = Journal(folder / "journal.sqlite")
    for number, row in enumerate(rows):
        journal.add_labelled(row, bytes(16), number.to_bytes(16, "big"), confidence_map=False)
    for row in failed:
        journal.add_failed(row)
    journal.finish()
    journal.close()
    return compare_folder(
        folder, folder / "images", speed or Speed(10, 2.0), classes, FACTS if facts is None else facts
    )


def compare_folder(folder, images, speed, classes, facts):
    journal = Journal(folder / "journal.sqlite")
    rows = _every_row(journal)
    summary = summarise(rows, journal.failed(lambda _: True), classes)
    write_report(folder / "expected.html", summary, images, folder / "masks", facts, speed)
    journal.finish()
    journal.close()
    (folder / "classes.txt").write_bytes(os.fsencode("".join(f"{name}\n" for name in classes.names)))
    options = [word for fact in facts.items() for word in ("--fact", *fact)]
    options += ["--images", speed.images, "--seconds", repr(speed.seconds), "--earlier", speed.earlier]
    ended = run(
        *("report_tool", folder, images, "--classes", folder / "classes.txt"),
        *("--out", folder / "native.html", *options),
    )
    assert ended.returncode == 0, ended.stderr
    expected, page = ((folder / name).read_bytes().decode() for name in ("expected.html", "native.html"))
    assert PICTURE.sub('"a picture"', page) == PICTURE.sub('"a picture"', expected)
    assert len(page) < 2_000_000
    Page(page)
    for found, wanted in zip(PICTURE.findall(page), PICTURE.findall(expected), strict=True):
        compare_pictures(pixels_of(found), pixels_of(wanted))
    return expected


def _every_row(journal):
    recipes = journal.database.execute("SELECT DISTINCT recipe FROM labelled").fetchall()
    assert len(recipes) <= 1
    return list(journal.labelled(recipes[0][0], lambda _: True)) if recipes else []


def pixels_of(text):
    return np.asarray(Image.open(BytesIO(base64.b64decode(text, validate=True))).convert("RGB"), float)


def compare_pictures(found, wanted):
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).mean() < 2  # rounding before JPEG, and JPEG


def random_rows(count, seed=4, classes=30):
    draw = random.Random(seed)
    rows = []
    for index in range(count):
        pixels = {i: draw.randrange(1, 10**9) for i in (255, *range(classes)) if draw.random() < 0.4}
        tags = None if draw.random() < 0.1 else tuple(i for i in range(1, classes) if draw.random() < 0.4)
        confidence = {i: draw.random() for i in pixels if i != 255}
        mean = round(draw.random(), 2) if draw.random() < 0.9 else draw.choice([0.0, 1.0, 0.0001, 0.9999])
        name = f"{index}.jpg" if index >= len(NAMES) else NAMES[index]
        rows.append(Labelled(name, f"{name}.png", 10, 10, tags, pixels, confidence, mean))
    return rows


def random_failures(count):
    draw = random.Random(7)
    reasons = ["{} is cut short.", "it has {} pixels.", "x" * 500 + "é {}", "٣ and 12{} <b> \udcff", "at line {0}/{0}"]
    reasons += [f"{word} {{}}" for word in "abcdefghijklmnopqrstuvwxyzéß\udc80" * 3]
    rows = []
    for index in range(count):
        name = f"{index}.png" if index >= len(NAMES) else f"failed {NAMES[index]}"
        reason = draw.choice(reasons[: draw.choice([3, 40, 999])]).format(draw.choice([name, index, f"/in/{name}"]))
        stage = draw.choice(["decode", "infer", "<b>"])
        rows.append(Failed(name, stage, reason))
    return rows


@pytest.mark.parametrize(
    ("images", "failures", "speed"),
    [
        (0, 0, Speed(0, 0.0)),
        (0, 1, Speed(0, 0.0, 5)),
        (0, 3, Speed(0, 2.0)),
        (1, 0, Speed(1, 0.123)),
        (2, 1, Speed(2, 7200.5, 1234567)),
        (23, 0, Speed(1_234_567, 61.5)),
        (25, 2, Speed(100, 3599.5)),
        (1500, 1000, Speed(5, 59.96)),
    ],
)
def test_report__of_many_sizes(tmp_path, images, failures, speed):
    compare(tmp_path, random_rows(images), random_failures(failures), speed)


@pytest.mark.parametrize("seed", range(6))
def test_report__few_classes_and_ties(tmp_path, seed):
    rows = [replace(row, mean_confidence=round(row.mean_confidence, 1)) for row in random_rows(80, seed, 2 + seed % 3)]
    compare(tmp_path, rows, random_failures(seed), Speed(seed, seed / 3), ClassTable(CLASSES.names[: 2 + seed]), {})


def test_report__every_class_in_every_image(tmp_path):
    names = ClassTable(tuple(f"class number {i}" for i in range(255)))
    rows = [
        Labelled(
            f"{i}",
            f"{i}",
            9,
            9,
            tuple(range(1, 255)),
            dict.fromkeys(range(120), 9),
            dict.fromkeys(range(120), 1.0),
            i / 40,
        )
        for i in range(40)
    ]
    compare(tmp_path, rows, classes=names)


def put(folder, name, image, mask, **options):
    save(folder / "images" / name, image, **options)
    write_mask(folder / "masks" / f"{name}.png", mask)
    ids, counts = np.unique(mask, return_counts=True)
    pixels = {int(i): int(n) for i, n in zip(ids, counts, strict=True)}
    confidence = {i: 0.5 for i in pixels if i != 255}
    return Labelled(name, f"{name}.png", *mask.shape[::-1], (1, 2), pixels, confidence, len(name) / 100)


def blobs(seed, height, width):
    return (
        np.random.default_rng(seed)
        .choice(np.array([0, 0, 1, 2, 3, 255], np.uint8), (5, 7))
        .repeat(-(-height // 5), axis=0)
        .repeat(-(-width // 7), axis=1)[:height, :width]
    )


def test_report__pictures_of_every_orientation_and_size(tmp_path):
    rows = []
    sizes = [(640, 320), (641, 333), (300, 200), (1000, 37), (17, 900), (320, 320), (333, 321), (1203, 1999)]
    for orientation, (height, width) in enumerate(sizes, start=1):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for suffix in ("jpg", "png"):
            name = f"{orientation}.{suffix}"
            image = picture(orientation, height, width)
            rows.append(put(tmp_path, name, image, blobs(orientation, height, width), exif=exif))
    page = compare(tmp_path, rows)
    assert page.count("<img") == 2 * len(rows) + len(re.findall(": no pixel", page[: page.index('id="least"')]))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 15), (7, 16), (400, 400)])
def test_report__pictures_small_or_hard_to_compress(tmp_path, height, width):
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    compare(tmp_path, [put(tmp_path, "a.png", noise, np.ones((height, width), np.uint8))])


def test_report__what_vanished_or_changed(tmp_path):
    square, mask = np.zeros((20, 20, 3), np.uint8), np.ones((20, 20), np.uint8)
    rows = [put(tmp_path, f"{name}.png", square, mask) for name in ("gone", "damaged", "maskless", "smaller", "fine")]
    (tmp_path / "images" / "gone.png").unlink()
    (tmp_path / "images" / "damaged.png").write_bytes(b"\x89PNG")
    (tmp_path / "masks" / "maskless.png.png").write_bytes(b"")
    write_mask(tmp_path / "masks" / "smaller.png.png", mask[:10])
    page = compare(tmp_path, rows)
    assert page.count('class="gone"') == 2 * 4


def test_report__what_swsss_label_leaves(tmp_path, model_file):
    photos = make_photos(tmp_path, 12)
    (photos / "images" / "00.jpg").write_bytes(b"no image")
    done(label(photos, model_file, tmp_path / "labels", "--ignore-below", "0.5"), 1)
    classes = ClassTable(tuple((tmp_path / "labels" / "classes.txt").read_text().splitlines()))
    page = compare_folder(tmp_path / "labels", photos / "images", Speed(11, 1.5), classes, FACTS)
    assert "11 of 12 images labelled, 1 failed." in page


def test_report__folder_that_cannot_be_written(tmp_path):
    compare(tmp_path)
    (tmp_path / "file").write_text("")
    ended = run(
        *(
            "report_tool",
            tmp_path,
            tmp_path,
            "--classes",
            tmp_path / "classes.txt",
            "--out",
            tmp_path / "file" / "a.html",
        )
    )
    assert ended.returncode == 2
    assert "Not a directory" in ended.stderr
