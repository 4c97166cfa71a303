import os
from pathlib import Path

import pytest

from swsss.data.listing import IMAGE_SUFFIXES, list_images
from swsss.errors import InputError, UserError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_list_images__by_suffix_in_any_case(tmp_path):
    found = [f"a{suffix}" for suffix in IMAGE_SUFFIXES] + ["a/b/c.WebP", "a/z.TIFF", "b.x.Jpg", "c.jpg.png"]
    touch(tmp_path, *found, "a.txt", "jpg", "a.jpg.txt", "a.jpgx", "a.", "b/notes.csv")
    assert list_images(tmp_path) == sorted(found)


def test_list_images__order_is_that_of_code_points(tmp_path):
    names = [
        "B.jpg",
        "a b.jpg",
        "a-b.jpg",
        "a.jpg",
        "a/b.jpg",
        "a1.jpg",
        "a10.jpg",
        "a2.jpg",
        "ä.jpg",
        "猫.jpg",
        "🐈.jpg",
    ]
    touch(tmp_path, *reversed(names))
    assert list_images(tmp_path) == sorted(names, key=lambda name: name.encode())


def test_list_images__same_stem(tmp_path):
    touch(tmp_path, "a.jpg", "a.png", "a/a.jpg")
    assert list_images(tmp_path) == ["a.jpg", "a.png", "a/a.jpg"]


def test_list_images__hidden_ones_are_passed_over(tmp_path):
    hidden = [".jpg", ".a.jpg", "._b.jpg", ".cache/b.jpg", "@eaDir/b.jpg/SYNOPHOTO_THUMB_M.jpg", "a/@eaDir/c.jpg"]
    touch(tmp_path, "b.jpg", "a/._d/e.jpg", "a/eaDir/f.jpg", *hidden)
    assert list_images(tmp_path) == ["a/eaDir/f.jpg", "b.jpg"]


def test_list_images__hidden_folder_that_is_asked_for(tmp_path):
    touch(tmp_path, ".cache/images/a.jpg")
    assert list_images(tmp_path / ".cache") == ["images/a.jpg"]


@pytest.mark.parametrize(
    "name", ["a b", "it's", 'say "a"', "a,b;c|d", "new\nline", "tab\t", "back\\slash", "ü", "u\u0308"]
)
def test_list_images__names(name, tmp_path):
    touch(tmp_path, f"{name}.jpg", f"{name}/{name}.png")
    assert list_images(tmp_path) == sorted([f"{name}.jpg", f"{name}/{name}.png"])


def test_list_images__links(tmp_path):
    touch(tmp_path, "elsewhere/a.jpg", "images/sub/b.jpg")
    images = tmp_path / "images"
    (images / "file.jpg").symlink_to(tmp_path / "elsewhere" / "a.jpg")
    (images / "folder").symlink_to(tmp_path / "elsewhere")
    (images / "folder.jpg").symlink_to(tmp_path / "elsewhere")
    (images / "sub" / "loop").symlink_to(images)
    assert list_images(images) == ["file.jpg", "sub/b.jpg"]
    (tmp_path / "linked").symlink_to(images)
    assert list_images(tmp_path / "linked") == ["file.jpg", "sub/b.jpg"]


def test_list_images__what_cannot_be_read_is_listed(tmp_path):
    (tmp_path / "nowhere.jpg").symlink_to("nothing")
    (tmp_path / "itself.jpg").symlink_to("itself.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    touch(tmp_path, "folder.jpg/a.jpg")
    assert list_images(tmp_path) == ["folder.jpg/a.jpg", "itself.jpg", "nowhere.jpg", "pipe.jpg"]


def test_list_images__names_that_are_not_utf8(tmp_path):
    touch(tmp_path, "good.jpg", "b\udcfcr/\udce4.jpg", "\udcff.jpg", "\udcff.txt")
    with pytest.raises(InputError) as caught:
        list_images(tmp_path)
    assert caught.value.problems == [
        f"The name b'b\\xfcr/\\xe4.jpg' in {tmp_path} is not UTF-8; rename the file.",
        f"The name b'\\xff.jpg' in {tmp_path} is not UTF-8; rename the file.",
    ]


@pytest.mark.parametrize(("name", "reason"), [("none", "No such file or directory"), ("file.jpg", "Not a directory")])
def test_list_images__no_folder(name, reason, tmp_path):
    touch(tmp_path, "file.jpg")
    with pytest.raises(UserError) as caught:
        list_images(tmp_path / name)
    assert str(caught.value) == f"The folder {tmp_path / name} cannot be read: {reason}."


def test_list_images__folder_inside_that_cannot_be_read(tmp_path, monkeypatch):
    touch(tmp_path, "a/b.jpg")
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "a":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UserError, match=r"a/? cannot be read: Permission denied\.$"):
        list_images(tmp_path)
