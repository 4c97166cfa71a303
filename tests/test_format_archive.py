"""ZIP files as Python's own `zipfile` and Info-ZIP read them."""

import contextlib
import shutil
import struct
import subprocess
import zipfile
from io import BytesIO
from tempfile import TemporaryFile

import pytest

from swsss.serve.formats.archive import Archive, whole_archive

ENTRIES = {"a.txt": b"one", 'deep/日本 ".png': bytes(range(256)) * 9000, "empty": b""}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "x.zip"
    with whole_archive(path) as archive:
        for name, data in ENTRIES.items():
            archive.add(name, data)
    return path


def test_archive__read_back(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == ENTRIES
        for entry in archive.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.external_attr >> 16 == 0o100644


@pytest.mark.skipif(not shutil.which("unzip"), reason="unzip is not installed")
def test_archive__tested_by_unzip(path):
    assert subprocess.run(["unzip", "-t", path], capture_output=True, check=False).returncode == 0


def test_archive__same_bytes_as_zipfile_can_rewrite(path, tmp_path):
    """Everything a reader sees survives being copied by another writer."""
    with zipfile.ZipFile(path) as ours, zipfile.ZipFile(tmp_path / "y.zip", "w") as theirs:
        for entry in ours.infolist():
            theirs.writestr(entry, ours.read(entry))
    with zipfile.ZipFile(path) as ours, zipfile.ZipFile(tmp_path / "y.zip") as theirs:
        for one, other in zip(ours.infolist(), theirs.infolist(), strict=True):
            assert (one.filename, one.CRC, one.header_offset) == (other.filename, other.CRC, other.header_offset)


@pytest.mark.parametrize("count", [0, 65_534, 65_535, 65_536])
def test_archive__more_entries_than_16_bits_count(count):
    file = BytesIO()
    archive = Archive(file, BytesIO())
    for number in range(count):
        archive.add(f"{number}", b"%d" % number)
    archive.close()
    # `zipfile` finds the entries without the number of them that the end of the file gives; other readers need it.
    assert zipfile._EndRecData(file)[3:5] == [count, count]
    content = file.getvalue()
    assert struct.unpack("<2H", content[-14:-10]) == (min(count, 65_535),) * 2
    assert (content[-98:-94] == b"PK\x06\x06") == (count >= 65_535)
    if count >= 65_535:  # the pointer to the wide record, which Python does not follow
        (position,) = struct.unpack("<Q", content[-34:-26])
        assert position == len(content) - 98
    with zipfile.ZipFile(file) as found:
        assert len(found.namelist()) == count
        for number in {0, 65_535, count - 1} & set(range(count)):
            assert found.read(f"{number}") == b"%d" % number


@pytest.mark.parametrize("before", [2**32 - 40, 2**32 - 1, 2**32, 5 * 2**30])
def test_archive__entries_beyond_4_gib(tmp_path, before):
    """The first entry stands at `before` of a sparse file, as if gigabytes of masks came first."""
    with TemporaryFile(dir=tmp_path) as file:
        file.seek(before)
        archive = Archive(file, BytesIO())
        for name, data in ENTRIES.items():
            archive.add(name, data)
        archive.close()
        with zipfile.ZipFile(file) as found:
            assert found.infolist()[0].header_offset == before
            assert bool(found.infolist()[0].extra) == (before >= 2**32 - 1)  # where strict readers look for the offset
            assert {name: found.read(name) for name in found.namelist()} == ENTRIES


def test_archive__file_read_from_its_beginning(tmp_path):
    with TemporaryFile(dir=tmp_path) as content, whole_archive(tmp_path / "x.zip") as archive:
        content.write(b"12345")
        archive.add_file("list", content)
    with zipfile.ZipFile(tmp_path / "x.zip") as found:
        assert found.read("list") == b"12345"


def test_whole_archive__nothing_unless_whole(tmp_path):
    with contextlib.suppress(KeyboardInterrupt), whole_archive(tmp_path / "x.zip") as archive:
        archive.add("a", b"1")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
