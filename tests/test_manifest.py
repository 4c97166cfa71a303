import pytest

from swsss.data.classes import ClassTable
from swsss.serve.manifest import read_manifest, write_failures, write_manifest
from swsss.serve.records import Failed, Labelled

CLASSES = ClassTable(("background", "cat", "polar bear"))


@pytest.mark.parametrize("name", ["a b", "a,b", 'a"b', "a\nb", "a\rb", "a\r\nb", "ä", "a\udcffb"])
def test_manifest__names_come_back(tmp_path, name):
    row = Labelled(f"{name}.jpg", f"{name}.png", 2, 3, (1, 2), {0: 4, 1: 1, 255: 1}, {0: 0.5, 1: 0.25}, 0.75)
    write_manifest(tmp_path / "manifest.csv", [row, row], CLASSES)
    assert list(read_manifest(tmp_path / "manifest.csv", CLASSES)) == [row, row]


def test_failures__carriage_return_is_quoted(tmp_path):
    write_failures(tmp_path / "failures.csv", [Failed("a\rb.jpg", "decode", "It is empty.")])
    assert (tmp_path / "failures.csv").read_bytes() == b'image,stage,reason\n"a\rb.jpg","decode","It is empty."\n'


@pytest.mark.parametrize("names", [("a;b", "a", "b"), ("a=1", "a", "=;="), ("cat", "cat;dog", "; ")])
def test_manifest__class_names_come_back(tmp_path, names):
    classes = ClassTable(("background", *names))
    rows = [
        Labelled("x.jpg", "x.png", 2, 3, tags, {0: 4, **dict.fromkeys(tags, 1), 255: 1}, {0: 0.5, 1: 0.25}, 0.75)
        for tags in [(1,), (3,), (1, 3), (1, 2)]
    ]
    write_manifest(tmp_path / "manifest.csv", rows, classes)
    assert list(read_manifest(tmp_path / "manifest.csv", classes)) == rows
