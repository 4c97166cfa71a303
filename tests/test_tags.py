import csv
import io
import random
from pathlib import Path

import pytest

from swsss.data.classes import ClassTable
from swsss.data.tag_labels import LabelsOfFields
from swsss.data.tags import read_tags, write_tag_rows, write_tags
from swsss.errors import UserError

CLASSES = ClassTable(("background", "cat", "dog", "traffic light"))
IMAGES = ["a.jpg", "b.png", "sub/c.jpg", "sub/d.v2.jpg", "e.jpg", "e.png"]


def read(tmp_path: Path, data: bytes | str) -> dict[str, set[int]]:
    path = tmp_path / "tags.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return {image: set(tags) for image, tags in read_tags(path, CLASSES, IMAGES).items()}


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
        '"image","labels"\n"a.jpg","cat,dog"\n"b.png",""\n',
        '"image","dog","cat"\n"a.jpg","1","1"\n"b.png","0","0"\n',
        '\ufeff"image";labels\r\n"a.jpg";"cat;dog"\r\n\r\nb.png;\r\n',
        'image,labels\na.jpg,"cat;\ndog"\nb.png,"\n"',
    ],
)
def test_file_shape(tmp_path: Path, data: str) -> None:
    assert read(tmp_path, data) == {"a.jpg": {1, 2}, "b.png": set()}


def test_one_column_table_is_wide(tmp_path: Path) -> None:
    assert read(tmp_path, "image,dog\na.jpg,1\n") == {"a.jpg": {2}}


def test_quotes_belong_to_the_table_even_if_a_file_has_them(tmp_path: Path) -> None:
    (tmp_path / "tags.csv").write_text('image,labels\nb.jpg,cat\n"a.jpg",cat\n')
    assert read_tags(tmp_path / "tags.csv", CLASSES, ["b.jpg", '"a.jpg"', "a.jpg"]).keys() == {"b.jpg", "a.jpg"}


def test_row_over_several_lines_is_not_taken_for_another(tmp_path: Path) -> None:
    rows = 'a.jpg,"cat;\ndog"\nb.png,"cat;\ntraffic light"\ne.jpg,"cat;\n"\n'
    assert read(tmp_path, "image,labels\n" + rows) == {"a.jpg": {1, 2}, "b.png": {1, 3}, "e.jpg": {1}}


NAMES = [
    "a b.jpg",
    "new\nline.jpg",
    "windows\r\nline.jpg",
    "carriage\rreturn.jpg",
    "it's.jpg",
    ' "a b.jpg"',
    'say "a".jpg',
    "a,b;c|d.jpg",
    "tab\t.jpg",
    "back\\slash.jpg",
    "ü.jpg",
    "u\u0308.jpg",
    "猫/🐈.jpg",
]


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("header", [["image", "labels"], ["image", "cat", "dog"]])
def test_names_as_a_spreadsheet_writes_them(tmp_path: Path, delimiter: str, quoting: int, header: list[str]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting)
    writer.writerow(header)
    for index, name in enumerate(NAMES):
        writer.writerow([name, *([["cat", "dog", "cat|dog"][index % 3]] if len(header) == 2 else ["01"[index % 2], 1])])
    path = tmp_path / "tags.csv"
    path.write_text(text.getvalue(), newline="")
    expected = [{1}, {2}, {1, 2}] if len(header) == 2 else [{2}, {1, 2}]
    found = read_tags(path, CLASSES, NAMES)
    assert found == {name: expected[index % len(expected)] for index, name in enumerate(NAMES)}


@pytest.mark.parametrize("seed", range(20))
def test_any_rows_as_the_csv_module_reads_them(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    names = ["".join(chance.choices('ab"\n,;', k=4)) + f"{index}.jpg" for index in range(50)]
    labels = [";".join(chance.sample(CLASSES.names[1:], chance.randrange(4))) for _ in names]
    text = io.StringIO()
    for row in zip(["image", *names], ["labels", *labels], strict=True):
        csv.writer(text, quoting=chance.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), lineterminator="\n").writerow(row)
    rows = list(csv.reader(io.StringIO(text.getvalue(), newline="")))[1:]
    path = tmp_path / "tags.csv"
    path.write_text(text.getvalue(), newline="")
    expected = {name: {CLASSES.ids[label] for label in field.split(";") if label} for name, field in rows}
    assert read_tags(path, CLASSES, names) == expected


@pytest.mark.parametrize("header", ["image,labels", "image,cat,dog,traffic light"])
def test_more_sets_of_labels_than_are_kept(tmp_path: Path, header: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LabelsOfFields, "kept", 3)
    images = [f"{index}.jpg" for index in range(64)]
    bits = [f"{index % 8:03b}" for index in range(64)]
    sets = [{index for index, bit in enumerate(row, 1) if bit == "1"} for row in bits]
    if "labels" in header:
        fields = [";".join(CLASSES.names[index] for index in ids) for ids in sets]
    else:
        fields = [",".join(row) for row in bits]
    path = tmp_path / "tags.csv"
    path.write_text("\n".join([header, *map(",".join, zip(images, fields, strict=True))]))
    assert read_tags(path, CLASSES, images) == dict(zip(images, sets, strict=True))


def test_rows_without_extension(tmp_path: Path) -> None:
    images = [f"folder/{index}.x.jpg" for index in range(1000)]
    path = tmp_path / "tags.csv"
    path.write_text("image,labels\n" + "".join(f"folder/{index}.x,dog\n" for index in range(1000)))
    assert read_tags(path, CLASSES, images) == {image: {2} for image in images}


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
    write_tags(path, [(name, ["cat", "dog"]) for name in NAMES])
    assert read_tags(path, CLASSES, NAMES) == {name: {1, 2} for name in NAMES}


@pytest.mark.parametrize(
    "classes",
    [
        ("cat", "car, old"),
        ("cat;dog", "cat", "dog"),
        ("a|b", "a", "b"),
        (" cat", "cat", "cat "),
        ('"quoted"', "'", ","),
        ("background", "person"),  # not class 0 here
        ("labels",),
        (" Labels ",),
        ("two words", "two", "words"),
        ("line\nbreak", "carriage\rreturn", "tab\t"),
        ("image", "0", "1", "=1+1"),
        ("日本", "naïve", "🐈"),
    ],
)
def test_nasty_class_names_are_read_back(tmp_path: Path, classes: tuple[str, ...]) -> None:
    table = ClassTable(("nothing", *classes))
    images = [
        "plain.jpg",
        "a, b.jpg",
        'q"uo"te.png',
        " space.jpg ",
        "semi;colon.jpg",
        "new\nline.jpg",
        "x\ry.jpg",
        "#.jpg",
    ]
    sets = [frozenset(range(1, 1 + number % (len(classes) + 1))) for number in range(len(images))]
    path = tmp_path / "tags.csv"
    rows = [(image, [table.names[index] for index in sorted(ids)]) for image, ids in zip(images, sets, strict=True)]
    with path.open("w", encoding="utf-8", newline="") as file:
        write_tag_rows(file, rows, classes)
    assert read_tags(path, table, images) == dict(zip(images, sets, strict=True))
    write_tags(path, rows)
    assert read_tags(path, table, images) == dict(zip(images, sets, strict=True))


@pytest.mark.parametrize(("image", "name"), [("a.jpg", "nul\0"), ("a.jpg", "\udc80"), ("\udc80.jpg", "cat")])
def test_names_that_are_no_text_are_not_written(tmp_path: Path, image: str, name: str) -> None:
    with pytest.raises(UserError, match="is not UTF-8 text"):
        write_tags(tmp_path / "tags.csv", [(image, [name])])
    assert not list(tmp_path.iterdir())
