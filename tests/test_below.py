"""Files that must lie below a folder: checked when they are opened, whatever links there are or appear meanwhile."""

import os
import socket

import pytest
from labelling import picture, save

from swsss.data import below
from swsss.data.below import OutsideError, open_below
from swsss.data.image_size import read_image_size
from swsss.data.images import read_image
from swsss.errors import UserError


@pytest.fixture
def root(tmp_path):
    """A folder with a file, links that stay in it, and links that do not."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.txt").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a.txt").write_bytes(b"mine")
    (root / "file").symlink_to("sub/a.txt")
    (root / "folder").symlink_to("sub")
    (root / "file_out").symlink_to(tmp_path / "secret" / "a.txt")
    (root / "folder_out").symlink_to("../secret")
    (root / "chain").symlink_to("file_out")
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    return root


@pytest.mark.parametrize("name", ["sub/a.txt", "file", "folder/a.txt", "folder/../file", "sub/../sub/a.txt"])
def test_below__inside(root, name):
    with open_below(root / name, root) as file:
        assert file.read() == b"mine"


@pytest.mark.parametrize("name", ["file_out", "folder_out/a.txt", "chain", "../secret/a.txt", "sub/../../secret/a.txt"])
def test_below__outside(root, name):
    with pytest.raises(OutsideError):
        open_below(root / name, root)


@pytest.mark.parametrize("name", ["dangling", "loop", "nowhere", "sub/a.txt/b"])
def test_below__not_there(root, name):
    with pytest.raises((OSError, UserError)):
        open_below(root / name, root)


def test_below__no_files(root, monkeypatch):
    """Pipes, sockets, devices and folders: refused at once, and devices are not even opened."""
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(root)  # the path of a socket is short
        listening.bind("socket")
        for name in ("pipe", "socket", "sub"):
            with pytest.raises(UserError, match="not a regular file"):
                open_below(root / name, root)
    with pytest.raises(UserError, match="not a regular file"):
        open_below(below.Path("/dev/zero"), below.Path("/"))


@pytest.mark.parametrize("swapped", ["sub", "sub/a.txt"])
def test_below__swapped_while_it_is_opened(root, monkeypatch, swapped):
    """Somebody swaps a part of the path for a link after it was looked at."""
    genuine = below.check_below

    def check(path, within):
        found = genuine(path, within)
        (root / swapped).rename(root / "before")
        (root / swapped).symlink_to(root.parent / "secret" / ("" if swapped == "sub" else "a.txt"))
        return found

    monkeypatch.setattr(below, "check_below", check)
    with pytest.raises(UserError):
        open_below(root / "sub" / "a.txt", root)


def test_below__swapped_for_a_pipe(root, monkeypatch):
    genuine = os.stat
    os.mkfifo(root / "pipe")

    def stat(path, *arguments, **options):
        found = genuine(path, *arguments, **options)
        if path == "a.txt":
            (root / "pipe").rename(root / "sub" / "a.txt")
        return found

    monkeypatch.setattr(below.os, "stat", stat)
    with pytest.raises(UserError, match="not a regular file"):
        open_below(root / "sub" / "a.txt", root)


def test_read_image__within(tmp_path):
    save(tmp_path / "root" / "a.png", picture(1))
    save(tmp_path / "b.png", picture(2))
    (tmp_path / "root" / "b.png").symlink_to(tmp_path / "b.png")
    within = tmp_path / "root"
    assert read_image(within / "a.png", within=within)[0].tolist() == picture(1).tolist()
    assert read_image_size(within / "a.png", within=within) == (64, 48)
    for read in (read_image, read_image_size):
        with pytest.raises(UserError, match="leads out"):
            read(within / "b.png", within=within)
        read(within / "b.png")
