import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from swsss.data.files import whole_file, write_whole


def text_in_parts(path, data):
    with whole_file(path) as file:
        file.write(data.decode()[:3])
        file.write(data.decode()[3:])


WRITERS = [write_whole, text_in_parts]


@pytest.mark.parametrize("write", WRITERS)
def test_write__new_folders_and_in_place_of_a_file(write, tmp_path):
    path = tmp_path / "new" / "fol der" / "a\nb.txt"
    for data in (b"first, the longer one", b"second"):
        write(path, data)
        assert path.read_bytes() == data
        assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_write__full_disk(write, step, tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_bytes(b"before")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="No space left") as caught:
        write(path, b"after")
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("write", WRITERS)
def test_write__on_the_disk_before_it_has_its_name(write, tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append((os.fstat(number).st_size, *os.listdir(tmp_path))))
    write(tmp_path / "a.txt", b"content")
    [(size, beside)] = synced
    assert size == 7
    assert beside.startswith(".")
    assert beside.endswith(f".{os.getpid()}.tmp")


@pytest.mark.parametrize("write", WRITERS)
def test_write__longest_name_there_can_be(write, tmp_path):
    names = ["a" * 255, "a" * 254 + "b", "猫" * 85]
    for name in names:
        write(tmp_path / name, name.encode())
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: name for name in names}


@pytest.mark.parametrize("write", WRITERS)
def test_write__no_folder_can_be_made(write, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        write(tmp_path / "file" / "a.txt", b"content")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_write_whole__read_only_folder(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(PermissionError):
        write_whole(tmp_path / "a.txt", b"content")


@pytest.mark.parametrize("write", WRITERS)
def test_write__many_writers_of_one_file(write, tmp_path):
    """All succeed, the last one wins, and nothing is left beside."""
    contents = [f"{number:03}".encode() * 20_000 for number in range(80)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda data: write(tmp_path / "a.txt", data), contents))
    assert (tmp_path / "a.txt").read_bytes() in contents
    assert os.listdir(tmp_path) == ["a.txt"]
