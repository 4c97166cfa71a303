"""The plan: which images, under which masks, and when one counts as changed; and every mistake before work starts."""

import os
from dataclasses import replace

import pytest
from commands import message
from labelling import label, picture, save
from models import CLASSES

from swsss.errors import InputError, UserError
from swsss.serve.plan import Selection, make_plan


@pytest.fixture
def photos(tmp_path):
    """Five files that need not be pictures to be planned with."""
    for name in ("a.jpg", "b.png", "sub/c.jpg", "sub/d.JPG", "e.tif"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).write_bytes(b"something")
    (tmp_path / "tags.csv").write_text("image,labels\na,dog;cat\nsub/c,\nb,background\n")
    return tmp_path


def plan_of(photos, recipe="recipe", **selection):
    return make_plan(photos / "images", Selection(**selection), CLASSES, recipe)


def test_make_plan__tagged(photos):
    plan = plan_of(photos, labels=photos / "tags.csv")
    assert plan.names == ["a.jpg", "b.png", "sub/c.jpg"]
    assert plan.wanted == set(plan.names)
    assert plan.untagged == ["e.tif", "sub/d.JPG"]
    assert [plan.item(name).tags for name in plan.names] == [(1, 2), (), ()]
    assert [plan.item(name).mask for name in plan.names] == ["a.png", "b.png", "sub/c.png"]


def test_make_plan__untagged(photos):
    plan = plan_of(photos, labels=photos / "tags.csv", untagged=True)
    assert plan.names == ["a.jpg", "b.png", "e.tif", "sub/c.jpg", "sub/d.JPG"]
    assert plan.item("e.tif").tags is None
    assert plan.item("a.jpg").tags == (1, 2)
    plain = plan_of(photos, untagged=True)
    assert (plain.names, plain.untagged) == (plan.names, [])


def test_make_plan__only_and_limit(photos):
    (photos / "list.txt").write_text("sub/d\nsub\\c.jpg\ne.tif\na\na.jpg\n")
    plan = plan_of(photos, untagged=True, only=photos / "list.txt")
    assert plan.names == ["a.jpg", "e.tif", "sub/c.jpg", "sub/d.JPG"]
    assert len(plan.wanted) == 5
    assert plan_of(photos, untagged=True, only=photos / "list.txt", limit=2).names == ["a.jpg", "e.tif"]
    tagged = plan_of(photos, labels=photos / "tags.csv", only=photos / "list.txt")
    assert tagged.names == ["a.jpg", "sub/c.jpg"]


def test_make_plan__shared_stems(photos):
    """They keep the extension, whether or not the other one is labelled."""
    for name in ("a.png", "a.v2.jpg", "sub/c.webp"):
        (photos / "images" / name).write_bytes(b"")
    plan = plan_of(photos, untagged=True)
    assert {name: plan.item(name).mask for name in plan.names} == {
        "a.jpg": "a.jpg.png",
        "a.png": "a.png.png",
        "a.v2.jpg": "a.v2.png",
        "b.png": "b.png",
        "e.tif": "e.png",
        "sub/c.jpg": "sub/c.jpg.png",
        "sub/c.webp": "sub/c.webp.png",
        "sub/d.JPG": "sub/d.png",
    }
    (photos / "list.txt").write_text("a.jpg\n")
    assert plan_of(photos, untagged=True, only=photos / "list.txt").item("a.jpg").mask == "a.jpg.png"


def test_item__key_changes_with_all_that_decides_the_mask(photos):
    plan = plan_of(photos, labels=photos / "tags.csv")
    image = photos / "images" / "a.jpg"
    keys = {plan.item("a.jpg").key}

    def new(other):
        """Whether an item has a key that none had before, and the same when asked again."""
        key = other.item("a.jpg").key
        assert other.item("a.jpg").key == key
        fresh = key not in keys
        keys.add(key)
        return fresh

    assert not new(plan_of(photos, labels=photos / "tags.csv", untagged=True, limit=1))
    assert new(replace(plan, recipe="other"))
    assert new(replace(plan, tags={"a.jpg": frozenset({1})}))
    assert new(replace(plan, tags={"a.jpg": frozenset()}))
    assert new(replace(plan, tags={}))
    assert new(replace(plan, masks={"a.jpg": "a.jpg.png"}))
    assert not new(replace(plan, tags={"a.jpg": frozenset({2, 1})}))
    status = image.stat()
    os.utime(image, ns=(0, status.st_mtime_ns + 1))
    assert new(plan)
    image.write_bytes(b"something else")
    os.utime(image, ns=(0, status.st_mtime_ns))
    assert new(plan)
    image.unlink()
    assert new(plan)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda root: (root / "images").rename(root / "gone"), "There is no folder ROOT/images with images."),
        (lambda root: [path.unlink() for path in root.rglob("images/**/*.*")],
         "ROOT/images holds no image (jpg, png, webp, bmp, tif)."),
        (lambda root: (root / "tags.csv").unlink(), "ROOT/tags.csv cannot be read: No such file or directory."),
        (lambda root: (root / "list.txt").unlink(), "--only ROOT/list.txt cannot be read: No such file or directory."),
        (lambda root: os.truncate(root / "list.txt", 0), "--only ROOT/list.txt names no image that is to be labelled."),
    ],
)  # fmt: skip
def test_make_plan__refused(photos, change, told):
    (photos / "list.txt").write_text("a.jpg\n")
    change(photos)
    with pytest.raises(UserError) as caught:
        plan_of(photos, labels=photos / "tags.csv", only=photos / "list.txt")
    assert str(caught.value).replace(str(photos), "ROOT") == told


def test_make_plan__no_row_at_all(photos):
    (photos / "tags.csv").write_text("image,labels\n")
    with pytest.raises(UserError, match=r"has a row in .*; add rows, or label without tags with --untagged all"):
        plan_of(photos, labels=photos / "tags.csv")


def test_make_plan__every_line_of_a_list(photos):
    (photos / "list.txt").write_text("a.jpg\nx.jpg\n/etc/passwd\n../a.jpg\n")
    with pytest.raises(InputError) as caught:
        plan_of(photos, untagged=True, only=photos / "list.txt")
    assert [problem.partition("list.txt, ")[2] for problem in caught.value.problems] == [
        "line 2: there is no image 'x.jpg'; names are relative to the image folder.",
        "line 3: '/etc/passwd' is an absolute path; write it relative to the image folder.",
        "line 4: '../a.jpg' leaves the image folder; write a path below it.",
    ]


def test_make_plan__list_in_utf16(photos):
    (photos / "list.txt").write_bytes("a.jpg\nb.png\n".encode("utf-16"))
    with pytest.raises(InputError) as caught:
        plan_of(photos, untagged=True, only=photos / "list.txt")
    assert [problem.partition("list.txt, ")[2] for problem in caught.value.problems] == [
        "line 1 (and 2 more lines): the line holds a NUL byte; save the file as UTF-8."
    ]


def test_label__wrong_tags_start_nothing(tmp_path, model_file):
    """As European Excel writes them, and every line with a mistake of its own."""
    save(tmp_path / "images" / "a.png", picture(1))
    rows = ["image;labels", "a.png;cat|polar bear", "a.png;dog", "b.png;cat", "/a.png;cat", "../a.png;cat", "a;katze"]
    (tmp_path / "tags.csv").write_bytes("\ufeff".encode() + "\r\n".join(rows).encode())
    told = message(label(tmp_path, model_file, tmp_path / "out"))
    assert told.startswith("5 problems in the inputs; nothing was started:")
    for line, what in [
        (3, "'a.png' already stands on line 2 with other labels"),
        (4, "there is no image 'b.png'"),
        (5, "'/a.png' is an absolute path"),
        (6, "'../a.png' leaves the image folder"),
        (7, "unknown class 'katze'"),
    ]:
        assert f"tags.csv, line {line}: {what}" in told
    assert not (tmp_path / "out").exists()
    (tmp_path / "tags.csv").write_bytes("\ufeff".encode() + "\r\n".join(rows[:2]).encode())
    assert label(tmp_path, model_file, tmp_path / "out").exit_code == 0
