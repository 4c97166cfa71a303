"""A labels folder made by somebody else: what its journal, manifest and links say is not believed."""

import json
import os
import shutil
import sqlite3

import pytest
from commands import invoke
from labelling import contents, done, label, make_photos, stamps

from swsss.data.files import is_plain_path, leads_inside

PHOTOS = 6
OUTSIDE = ["../../victim.png", "../victim.png", "{victim}", "x/../../../victim.png", "link/victim.png"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return make_photos(tmp_path_factory.mktemp("photos"), PHOTOS)


@pytest.fixture(scope="module")
def labelled(photos, model_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("labelled") / "labels"
    done(label(photos, model_file, out, "--confidence"))
    return out


@pytest.fixture
def out(labelled, tmp_path):
    """A copy beside a file that is none of its business, with a link to that."""
    shutil.copytree(labelled, tmp_path / "labels")
    (tmp_path / "victim.png").write_bytes(b"precious")
    (tmp_path / "labels/victim.png").write_bytes(b"precious")
    for part in ("masks", "confidence"):
        (tmp_path / "labels" / part / "link").symlink_to(tmp_path)
    return tmp_path / "labels"


def change(out, statement, *values):
    database = sqlite3.connect(out / "journal.sqlite")
    with database:
        assert database.execute(statement, values).rowcount > 0
    database.close()


def unharmed(out):
    return all((folder / "victim.png").read_bytes() == b"precious" for folder in (out, out.parent))


@pytest.mark.parametrize("mask", OUTSIDE)
@pytest.mark.parametrize("due", [True, False])
def test_label__masks_outside(photos, model_file, labelled, out, mask, due):
    """Neither removed as the mask of an old name nor taken for one that is there."""
    mask = mask.format(victim=out.parent / "victim.png").encode()
    change(out, "UPDATE labelled SET mask = ? WHERE image = ?", mask, b"00.jpg")
    if due:
        change(out, "UPDATE labelled SET key = x'00' WHERE image = ?", b"00.jpg")
    done(label(photos, model_file, out, "--confidence"))
    assert unharmed(out)
    (out / "victim.png").unlink()
    assert contents(out).items() >= contents(labelled).items()


def test_label__mask_of_another_image(photos, model_file, labelled, out):
    """Not removed either: a row speaks of its own image."""
    change(out, "DELETE FROM labelled WHERE image = ?", b"01.png")
    before = stamps(labelled).keys()
    change(out, "UPDATE labelled SET mask = ?, key = x'00' WHERE image = ?", b"01.png", b"00.jpg")
    done(label(photos, model_file, out, "--only", listed(out, "00.jpg")))
    assert stamps(out).keys() == before


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("mask", b"../../victim.png"),
        ("mask", b"/etc/passwd"),
        ("mask", b"a\0b.png"),
        ("mask", "text.png"),
        ("mask", b""),
        ("pixels", "{}}"),
        ("pixels", '{"256": 3}'),
        ("pixels", '{"77": 3}'),
        ("pixels", '{"-1": 3}'),
        ("pixels", '{"0": -3}'),
        ("pixels", '{"0": "many"}'),
        ("pixels", "[" * 100_000),
        ("pixels", b"\xff\xfe"),
        ("pixels", 7),
        ("confidence", '{"cat": 1}'),
        ("confidence", '{"0": null}'),
        ("tags", "[300]"),
        ("tags", '["cat"]'),
        ("tags", "{}x"),
        ("tags", "7"),
        ("width", -4),
        ("height", "tall"),
        ("height", 1e300),
        ("mean_confidence", "high"),
        ("image", "text"),
    ],
)
def test_label__damaged_row(photos, model_file, out, column, value):
    """Of an image that is not labelled this time: told in a sentence, or left out."""
    change(out, f"UPDATE labelled SET {column} = ? WHERE image = ?", value, b"03.png")  # noqa: S608 - ours
    result = label(photos, model_file, out, "--only", listed(out, "00.jpg"))
    assert result.exit_code in ({0} if column == "image" else {1, 2}), result.output
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert unharmed(out)
    # Labelled anew, it is whole again.
    done(label(photos, model_file, out, "--overwrite"))


def test_label__text_that_is_no_utf8(photos, model_file, out):
    change(out, "UPDATE labelled SET tags = CAST(x'5bff5d' AS TEXT) WHERE image = ?", b"03.png")
    assert "damaged" in done(label(photos, model_file, out, "--only", listed(out, "00.jpg")), 1)


@pytest.mark.parametrize("part", ["masks", "confidence"])
def test_label__link_that_leads_out(photos, model_file, out, tmp_path, part):
    elsewhere = tmp_path / "elsewhere"
    shutil.move(out / part / "sub", elsewhere)
    before = {path.name: path.read_bytes() for path in elsewhere.iterdir()}
    (out / part / "sub").symlink_to(elsewhere)
    told = done(label(photos, model_file, out, "--confidence", "--ignore-below", 0.9), 1)
    assert "link" in told
    assert {path.name: path.read_bytes() for path in elsewhere.iterdir()} == before


def test_label__mask_that_is_a_link(photos, model_file, out):
    """What it leads to is not written: the link gives way to the mask."""
    (out / "masks/00.png").unlink()
    (out / "masks/00.png").symlink_to(out.parent / "victim.png")
    done(label(photos, model_file, out, "--ignore-below", 0.9))
    assert unharmed(out)
    assert not (out / "masks/00.png").is_symlink()


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_label__journal_that_is_a_link(photos, model_file, out, tmp_path, suffix):
    target = tmp_path / "another.sqlite"
    with sqlite3.connect(target) as database:
        database.execute("CREATE TABLE mine (a)")
    database.close()
    before = target.read_bytes()
    (out / f"journal.sqlite{suffix}").unlink(missing_ok=True)
    (out / f"journal.sqlite{suffix}").symlink_to(target)
    assert "is a link" in done(label(photos, model_file, out, "--overwrite"), 2)
    assert target.read_bytes() == before


def test_label__folder_with_the_name_of_a_leftover(photos, model_file, out):
    (out / "masks/.x.tmp").mkdir()
    change(out, "UPDATE about SET value = 'yes' WHERE name = 'running'")
    done(label(photos, model_file, out))


@pytest.mark.parametrize("mask", [*OUTSIDE, "00.png"])
def test_convert__masks_outside(out, mask):
    """Of a manifest from elsewhere; the last is a link."""
    (out / "victim.png").unlink()
    shutil.copy(out / "masks/00.png", out.parent / "victim.png")
    if mask == "00.png":
        (out / "masks/00.png").unlink()
        (out / "masks/00.png").symlink_to(out.parent / "victim.png")
    rows = (out / "manifest.csv").read_text().replace(",00.png,", f",{mask.format(victim=out.parent / 'victim.png')},")
    (out / "manifest.csv").write_text(rows)
    result = invoke("swsss-convert", out, "--format", "coco")
    assert result.exit_code in {1, 2}, result.output
    assert "Traceback" not in result.output
    if result.exit_code == 1:
        images = {image["file_name"] for image in json.loads((out / "coco.json").read_text())["images"]}
        assert "00.jpg" not in images
        assert len(images) == PHOTOS - 1


def test_convert__images_outside(out):
    rows = (out / "manifest.csv").read_text().replace("00.jpg,", "../../../etc/passwd,", 1)
    (out / "manifest.csv").write_text(rows)
    done(invoke("swsss-convert", out, "--format", "label-studio"), 2)


@pytest.mark.parametrize(
    ("name", "plain"),
    [("a.png", True), ("a/b/c.png", True), ("..a/b..", True), (" ", True)]
    + [(name, False) for name in ("", "/a", "a//b", "a/", "./a", "a/..", "../a", "a/../b", ".", "a\0b")],
)
def test_is_plain_path(name, plain):
    assert is_plain_path(name) == plain


def test_leads_inside(tmp_path):
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "in").symlink_to(folder / "sub")
    (folder / "out").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder / "loop")
    os.symlink(folder, tmp_path / "way")
    for name in ("a", "sub/a", "in/a", "new/a", "out"):
        assert leads_inside(folder, name)
        assert leads_inside(tmp_path / "way", name)
    for name in ("out/a", "in/../../a", "../folder/a", "out/folder/../a"):
        assert not leads_inside(folder, name)


def listed(out, name):
    path = out.parent / "only.txt"
    path.write_text(f"{name}\n")
    return path
