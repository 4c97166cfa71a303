from pathlib import Path

import numpy as np
import pytest

from swsss.data.classes import VOC_NAMES
from swsss.data.dataset import open_dataset
from swsss.data.png import write_mask
from swsss.errors import InputError, UserError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Images a.jpg and sub/b.PNG, a mask for the second, one split."""
    touch(tmp_path, "images/sub/b.PNG", "images/a.jpg", "images/notes.txt", "splits/train.txt")
    write_mask(tmp_path / "masks" / "sub" / "b.png", np.zeros((2, 2), np.uint8))
    (tmp_path / "classes.txt").write_text("background\ncat\ndog\n")
    (tmp_path / "tags.csv").write_text("image,labels\na,dog\n")
    (tmp_path / "splits" / "train.txt").write_text("sub/b\r\n\r\n a \n")
    return tmp_path


def test_plain_dataset(plain: Path) -> None:
    dataset = open_dataset(plain)
    assert dataset.classes.names == ("background", "cat", "dog")
    assert list(dataset.samples) == ["a", "sub/b"]
    first, second = dataset.samples.values()
    assert (first.image, first.mask, first.tags) == (plain / "images/a.jpg", None, {2})
    assert (second.image, second.mask, second.tags) == (plain / "images/sub/b.PNG", plain / "masks/sub/b.png", None)
    assert dataset.split("train") == [second, first]


def test_tags_are_optional(plain: Path) -> None:
    (plain / "tags.csv").unlink()
    assert [sample.tags for sample in open_dataset(plain).samples.values()] == [None, None]


@pytest.mark.parametrize("inside", [".", "VOC2012", "VOCdevkit/VOC2012"])
@pytest.mark.parametrize("masks", ["SegmentationClass", "SegmentationClassAug"])
def test_voc_tree(tmp_path: Path, inside: str, masks: str) -> None:
    tree = tmp_path / inside
    touch(tree, "JPEGImages/a.jpg", "JPEGImages/b.jpg", "SegmentationClass/b.png", f"{masks}/a.png")
    touch(tree, "Annotations/a.xml", "ImageSets/Segmentation/val.txt")
    (tree / "Annotations/a.xml").write_text("<annotation><object><name>dog</name></object></annotation>")
    (tree / "ImageSets/Segmentation/val.txt").write_text("b\na\n")
    dataset = open_dataset(tmp_path)
    assert dataset.classes.names == tuple(VOC_NAMES)
    assert dataset.root == tree
    assert dataset.samples["a"].mask == tree / masks / "a.png"
    assert [sample.tags for sample in dataset.split("val")] == [None, {12}]


def test_tags_file_wins_over_annotations(tmp_path: Path) -> None:
    touch(tmp_path, "JPEGImages/a.jpg", "Annotations/a.xml")
    (tmp_path / "tags.csv").write_text("image,labels\na.jpg,cat\n")
    assert open_dataset(tmp_path).samples["a"].tags == {8}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nnope\n", ["line 2: no image has the stem 'nope'."]),
        ("a.jpg\n", ["line 1: no image has the stem 'a.jpg'; leave out the extension."]),
        ("a\nsub/b\n\na\n", ["line 4: 'a' already stands on line 1."]),
        ("x\ny\n", ["line 1: no image has the stem 'x'.", "line 2: no image has the stem 'y'."]),
        ("\n \n", [" names no image; write one stem per line."]),
    ],
)
def test_split_problems(plain: Path, text: str, expected: list[str]) -> None:
    path = plain / "splits" / "train.txt"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        open_dataset(plain).split("train")
    assert [problem.removeprefix(str(path)).removeprefix(", ") for problem in caught.value.problems] == expected


def test_split_is_not_utf8(plain: Path) -> None:
    (plain / "splits" / "train.txt").write_bytes(b"\xff\xfea")
    with pytest.raises(UserError, match=r"train\.txt is not UTF-8 text"):
        open_dataset(plain).split("train")


def test_unknown_split(plain: Path) -> None:
    with pytest.raises(UserError, match=r"has no split 'val' \(splits there: train\)"):
        open_dataset(plain).split("val")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), "There is no folder"),
        (("other/a.jpg",), "holds neither an 'images' folder nor a VOC tree"),
        (("images/a.jpg",), r"classes\.txt is missing"),
    ],
)
def test_no_dataset(tmp_path: Path, names: tuple[str, ...], expected: str) -> None:
    touch(tmp_path / "data", *names) if names else None
    with pytest.raises(UserError, match=expected):
        open_dataset(tmp_path / "data")


def test_images_that_share_a_stem(plain: Path) -> None:
    touch(plain, "images/a.png")
    (plain / "tags.csv").unlink()
    with pytest.raises(InputError, match=r"a\.png and .*a\.jpg share the stem 'a'; rename one"):
        open_dataset(plain)


def test_no_image(tmp_path: Path) -> None:
    touch(tmp_path, "images/notes.txt")
    (tmp_path / "classes.txt").write_text("background\ncat\n")
    with pytest.raises(InputError, match="holds no image"):
        open_dataset(tmp_path)
