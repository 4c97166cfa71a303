from pathlib import Path

import pytest

from swsss.data.classes import ClassTable
from swsss.data.tag_rows import RowProblems
from swsss.data.tags import read_tags
from swsss.errors import InputError, UserError

CLASSES = ClassTable(("background", "cat", "dog", "traffic light"))
IMAGES = ["a.jpg", "b.png", "sub/c.jpg", "sub/d.v2.jpg", "e.jpg", "e.png"]


def problems(tmp_path: Path, data: bytes | str) -> list[str]:
    path = tmp_path / "tags.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(InputError) as caught:
        read_tags(path, CLASSES, IMAGES)
    return [problem.replace(str(path), "FILE") for problem in caught.value.problems]


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


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('image,labels\na.jpg,"cat"x\nb.png,zebra\n', [2, 3]),
        ('image,labels\n"x\ny.jpg",cat\n\nb.png,zebra\n', [2, 5]),
        ('image,labels\na.jpg,"cat;\nzebra"\nb.png,zobra\n', [2, 4]),
        ('image,labels\n"a.jpg",cat\nb.png,cat\n"none.jpg",cat\n', [4]),
        ("image,labels\na.jpg,cat\nb.png\n,\nx.jpg,cat\n", [3, 5]),
        ('image,labels\n"x, c.jpg",cat\na.jpg, c.jpg",cat\n', [2, 3]),
        ('"image,labels\na.jpg,cat\n', [1]),
    ],
)
def test_line_of_a_problem(tmp_path: Path, data: str, expected: list[int]) -> None:
    assert [problem.split(":")[0] for problem in problems(tmp_path, data)] == [
        f"FILE, line {line}" for line in expected
    ]


def test_conflict_of_rows_over_several_lines(tmp_path: Path) -> None:
    assert problems(tmp_path, 'image,labels\nb,"dog\n"\nb.png,dog\na.jpg,"cat\n"\na,dog\n') == [
        "FILE, line 7: 'a.jpg' already stands on line 5 with other labels; keep one row."
    ]


@pytest.mark.parametrize("header", ["image,labels", "image,dog"])
def test_same_mistake_again_is_counted(tmp_path: Path, header: str) -> None:
    data = f"{header}\na.jpg,x\nnone.jpg,x\nb.png,x\n"
    first, second = problems(tmp_path, data)
    assert first.startswith("FILE, line 2 (and 2 more lines): ")
    assert second.startswith("FILE, line 3: there is no image 'none.jpg'")


@pytest.mark.parametrize("header", ["image,labels", "no,header", "image"])
@pytest.mark.parametrize("wrong", [b"d\xf6g\n", b"\xc3"])
def test_text_that_is_not_utf8_is_told_alone_and_wherever_it_stands(tmp_path: Path, header: str, wrong: bytes) -> None:
    data = header.encode() + b"\n" + 5000 * b"none.jpg,zebra\n" + wrong
    assert problems(tmp_path, data) == ["FILE, line 5002: the text is not UTF-8; save the file as UTF-8."]


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
