import pytest

from swsss.data.classes import ClassTable
from swsss.errors import UserError
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


def test_manifest__class_named_ignore(tmp_path):
    """Its confidence is that of the class; pixels without a class have none."""
    row = Labelled("x.jpg", "x.png", 2, 3, (1,), {0: 4, 1: 2}, {0: 0.5, 1: 0.25}, 0.75)
    classes = ClassTable(("background", "ignore"))
    write_manifest(tmp_path / "manifest.csv", [row], classes)
    assert list(read_manifest(tmp_path / "manifest.csv", classes)) == [row]


@pytest.mark.parametrize(
    ("wrong", "right"), [(",-2,", ",2,"), (",nan,", ",0.7500,"), ("cat=-1", "cat=1"), ("cat=inf", "cat=0.2500")]
)
def test_manifest__numbers_that_cannot_be(tmp_path, wrong, right):
    row = Labelled("x.jpg", "x.png", 2, 3, (1,), {0: 5, 1: 1}, {0: 0.5, 1: 0.25}, 0.75)
    path, classes = tmp_path / "manifest.csv", ClassTable(("background", "cat"))
    write_manifest(path, [row], classes)
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong))
    with pytest.raises(UserError):
        list(read_manifest(path, classes))
