from pathlib import Path

import pytest

from swsss.data.classes import ClassTable
from swsss.data.tag_rows import RowProblems
from swsss.data.tags import read_tags, write_tags
from swsss.errors import InputError, UserError

CLASSES = ClassTable(("background", "cat", "dog", "traffic light"))
IMAGES = ["a.jpg", "b.png", "sub/c.jpg", "sub/d.v2.jpg", "e.jpg", "e.png"]


def read(tmp_path: Path, data: bytes | str) -> dict[str, set[int]]:
    path = tmp_path / "tags.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return {image: set(tags) for image, tags in read_tags(path, CLASSES, IMAGES).items()}


def problems(tmp_path: Path, data: bytes | str) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(tmp_path, data)
    return [problem.replace(str(tmp_path / "tags.csv"), "FILE") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("cat", {1}),
        ("cat;dog", {1, 2}),
        ("cat|dog", {1, 2}),
        ('"cat,dog"', {1, 2}),
        ('"cat, dog,"', {1, 2}),
        ("cat dog", {1, 2}),
        ("  cat   dog ", {1, 2}),
        ("traffic light", {3}),
        ("traffic light; cat", {3, 1}),
        ("cat|traffic light", {3, 1}),
        ("background;cat", {1}),
        ("background", set()),
        ("cat;cat", {1}),
        ("", set()),
    ],
)
def test_labels_field(tmp_path: Path, field: str, expected: set[int]) -> None:
    assert read(tmp_path, f"image,labels\na.jpg,{field}\n") == {"a.jpg": expected}


@pytest.mark.parametrize(
    ("written", "image"),
    [
        ("a.jpg", "a.jpg"),
        ("a", "a.jpg"),
        ("./a.jpg", "a.jpg"),
        (" a.jpg ", "a.jpg"),
        ("sub/c", "sub/c.jpg"),
        ("sub\\c.jpg", "sub/c.jpg"),
        (".\\sub\\c", "sub/c.jpg"),
        ("sub/../a.jpg", "a.jpg"),
        ("sub//c.jpg", "sub/c.jpg"),
        ("sub/d.v2", "sub/d.v2.jpg"),
        ("e.png", "e.png"),
    ],
)
def test_image_name(tmp_path: Path, written: str, image: str) -> None:
    assert read(tmp_path, f"image,labels\n{written},cat\n") == {image: {1}}


@pytest.mark.parametrize(
    "data",
    [
        "image,labels\na.jpg,cat;dog\nb.png,\n",
        "image,labels\r\na.jpg,cat;dog\r\nb.png,\r\n",
        "image,labels\ra.jpg,cat;dog\rb.png,",
        "\ufeffimage,labels\na.jpg,cat;dog\nb.png,\n",
        "Image, Labels\na.jpg,cat;dog\n\n,\nb.png,\na,dog|cat\n",
        "image;labels\na.jpg;cat|dog\nb.png;\n",
        'image;labels\na.jpg;"cat;dog"\nb.png;\n',
        "image;labels\na.jpg;cat,dog\nb.png;\n",
        "image,cat,dog\na.jpg,1,1\nb.png,0,0\n",
        "image,background,dog,traffic light,cat\na.jpg,1,1,0,1\nb.png,1, 0 ,0,0\n,,,,\n",
        "image;dog;cat\na;1;1\nb;0;0\n",
    ],
)
def test_file_shape(tmp_path: Path, data: str) -> None:
    assert read(tmp_path, data) == {"a.jpg": {1, 2}, "b.png": set()}


def test_one_column_table_is_wide(tmp_path: Path) -> None:
    assert read(tmp_path, "image,dog\na.jpg,1\n") == {"a.jpg": {2}}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("image,labels\na,cat\nb,Dogg\n", "FILE, line 3: unknown class 'Dogg'; did you mean 'dog'?"),
        (
            "image,labels\na,zebra\n",
            "FILE, line 2: unknown class 'zebra'; the classes are background, cat, dog, traffic light.",
        ),
        (
            "image,labels\na,zzz\nb,zzz\nsub/c,zzz\n",
            "FILE, line 2 (and 2 more lines): unknown class 'zzz'; "
            "the classes are background, cat, dog, traffic light.",
        ),
        (
            "image,labels\nnope.jpg,cat\n",
            "FILE, line 2: there is no image 'nope.jpg'; names are relative to the image folder.",
        ),
        ("image,labels\nc.jpg,cat\n", "FILE, line 2: there is no image 'c.jpg'; did you mean 'sub/c.jpg'?"),
        ("image,labels\nA.JPG,cat\n", "FILE, line 2: there is no image 'A.JPG'; did you mean 'a.jpg'?"),
        ("image,labels\ne,cat\n", "FILE, line 2: 'e' could be e.jpg or e.png; write the extension."),
        (
            "image,labels\na.jpg,cat\nb,dog\n./a,dog\n",
            "FILE, line 4: 'a.jpg' already stands on line 2 with other labels; keep one row.",
        ),
        (
            "image,labels\n/data/a.jpg,cat\n",
            "FILE, line 2: '/data/a.jpg' is an absolute path; write it relative to the image folder.",
        ),
        (
            "image,labels\nC:\\data\\a.jpg,cat\n",
            "FILE, line 2: 'C:\\data\\a.jpg' is an absolute path; write it relative to the image folder.",
        ),
        (
            "image,labels\nsub/../../a.jpg,cat\n",
            "FILE, line 2: 'sub/../../a.jpg' leaves the image folder; write a path below it.",
        ),
        (
            "image,labels\n..\\a.jpg,cat\n",
            "FILE, line 2: '..\\a.jpg' leaves the image folder; write a path below it.",
        ),
        (
            "image,labels\n,cat\n",
            "FILE, line 2: the image name is empty; write its path below the image folder.",
        ),
        (
            "image,labels\na.jpg,cat,dog\n",
            "FILE, line 2: 3 fields instead of 2; put several labels into one field, with '|' between them.",
        ),
        (
            "image,labels\na.jpg\n",
            "FILE, line 2: 1 of 2 fields; an image with no class still has all of them, the last empty or 0.",
        ),
        (
            "image,cat,dog\na.jpg,1,yes\n",
            "FILE, line 2: 'yes' under 'dog' is neither 0 nor 1; write 1 where the image holds the class, else 0.",
        ),
        ("image,label\na,cat\n", "FILE, line 1: column 'label' is no class; did you mean 'labels'?"),
        ("image,cat,dogg\na,1,0\n", "FILE, line 1: column 'dogg' is no class; did you mean 'dog'?"),
        ("image,cat,cat\na,1,0\n", "FILE, line 1: column 'cat' occurs twice; keep one of them."),
        (
            "a.jpg,cat\n",
            "FILE, line 1: the header starts with 'a.jpg'; the first line must be 'image,labels' or 'image,' "
            "and one column per class.",
        ),
        (
            "",
            "FILE, line 1: there is no header; the first line must be 'image,labels' or 'image,' "
            "and one column per class.",
        ),
        (b"image,labels\na.jpg,cat\nb.png,d\xf6g\n", "FILE, line 3: the text is not UTF-8; save the file as UTF-8."),
        (
            "image,labels\na.jpg,cat\nb.png,\0\n",
            "FILE, line 3: this row is not valid CSV (it holds a NUL byte); "
            "check its quotes and save the file as UTF-8.",
        ),
        (
            'image,labels\na.jpg,cat\nb.png,"cat\nsub/c,dog\n',
            "FILE, line 3: this row is not valid CSV (unexpected end of data); "
            "check its quotes and save the file as UTF-8.",
        ),
        (
            "image,labels\na.jpg,traffic light cat\n",
            "FILE, line 2: spaces separate labels here; write ';' between labels when class names hold spaces.",
        ),
    ],
)
def test_problem(tmp_path: Path, data: bytes | str, expected: str) -> None:
    assert expected in problems(tmp_path, data)


def test_all_problems_are_told_in_the_order_of_lines(tmp_path: Path) -> None:
    found = problems(tmp_path, 'image,labels\nnope,catt;dgo\na,cat\na,dog\nb\nb,"cat\n')
    assert [problem.split(":")[0] for problem in found] == [f"FILE, line {line}" for line in (2, 2, 2, 4, 5, 6)]


def test_same_labels_twice_are_fine(tmp_path: Path) -> None:
    assert read(tmp_path, "image,labels\na.jpg,cat;dog\na,dog cat\n") == {"a.jpg": {1, 2}}


def test_utf16_is_told(tmp_path: Path) -> None:
    assert "UTF-8" in problems(tmp_path, "image,labels\n".encode("utf-16-le"))[0]
    assert "UTF-8" in problems(tmp_path, "image,labels\n".encode("utf-16"))[0]


def test_problems_are_bounded(tmp_path: Path) -> None:
    rows = "".join(f"none{index},cat\n" for index in range(RowProblems.kept + 7))
    found = problems(tmp_path, "image,labels\n" + rows)
    assert len(found) == RowProblems.kept + 1
    assert found[-1] == "FILE: 7 more lines are wrong."


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_unreadable_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_tags(tmp_path / name, CLASSES, IMAGES)


@pytest.mark.parametrize("header", ["image,labels", "image,cat,dog"])
def test_many_rows(tmp_path: Path, header: str) -> None:
    count = 200_000
    images = [f"folder{index % 100}/{index}.jpg" for index in range(count)]
    ends = ["cat;dog", "dog", ""] if "labels" in header else ["1,1", "0,1", "0,0"]
    rows = [f"{image},{ends[index % 3]}" for index, image in enumerate(images)]
    path = tmp_path / "tags.csv"
    path.write_text("\n".join([header, *rows]))
    found = read_tags(path, CLASSES, images)
    assert len(found) == count
    assert [set(found[image]) for image in images[-3:]] == [
        [{1, 2}, {2}, set()][index % 3] for index in range(count - 3, count)
    ]


def test_written_tags_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "tags.csv"
    write_tags(path, [("a.jpg", ["dog", "traffic light"]), ("b, c.jpg", []), ("sub/c.jpg", ["cat"])])
    assert path.read_bytes() == b'image,labels\na.jpg,dog;traffic light\n"b, c.jpg",\nsub/c.jpg,cat\n'
    found = read_tags(path, CLASSES, ["a.jpg", "b, c.jpg", "sub/c.jpg"])
    assert found == {"a.jpg": {2, 3}, "b, c.jpg": set(), "sub/c.jpg": {1}}


def test_class_name_with_separator_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'car, old' holds one of"):
        write_tags(tmp_path / "tags.csv", [("a.jpg", ["car, old"])])
    assert not list(tmp_path.iterdir())
