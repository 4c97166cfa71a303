"""COCO: what pycocotools, the format's own library, reads back."""

import contextlib
import json

import numpy as np
import pytest
from labels_folder import CLASSES, hard_masks, random_masks, row_of
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from swsss.serve.formats.coco import compress_counts, open_coco

MASKS = {f"{name}.jpg": mask for name, mask in (hard_masks() | random_masks(100)).items()}


def write(folder, masks=MASKS):
    with open_coco(folder, CLASSES) as sink:
        for image, mask in masks.items():
            sink.add(row_of(image, mask), mask)
    return folder / "coco.json"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("coco"))


def test_coco__masks_areas_and_boxes(path):
    coco = COCO(path)
    names = {category["id"]: category["name"] for category in coco.loadCats(coco.getCatIds())}
    assert names == {index: name for index, name in enumerate(CLASSES.names) if index}
    assert [image["file_name"] for image in coco.imgs.values()] == list(MASKS)
    for image, mask in zip(coco.imgs.values(), MASKS.values(), strict=True):
        assert (image["height"], image["width"]) == mask.shape
        annotations = {one["category_id"]: one for one in coco.imgToAnns[image["id"]]}
        assert annotations.keys() == set(np.unique(mask).tolist()) - {0, 255}
        assert len(annotations) == len(coco.imgToAnns[image["id"]])
        for index, annotation in annotations.items():
            wanted = np.asfortranarray(mask == index, np.uint8)
            reference = coco_mask.encode(wanted)
            np.testing.assert_array_equal(coco.annToMask(annotation), wanted)
            assert annotation["segmentation"]["counts"].encode() == reference["counts"]
            assert annotation["area"] == coco_mask.area(reference)
            assert annotation["bbox"] == coco_mask.toBbox(reference).tolist()
            assert annotation["iscrowd"] == 0
            assert annotation["score"] == pytest.approx(0.9 - index / 10)


def test_coco__ids(path):
    content = json.loads(path.read_text())
    assert content.keys() == {"info", "licenses", "categories", "images", "annotations"}
    assert [image["id"] for image in content["images"]] == list(range(1, len(MASKS) + 1))
    assert [one["id"] for one in content["annotations"]] == list(range(1, len(content["annotations"]) + 1))


def test_coco__read_as_results_too(path):
    """What a detector's evaluation does with annotations that carry a score."""
    coco = COCO(path)
    results = coco.loadRes(list(coco.anns.values()))
    assert len(results.anns) == len(coco.anns) > 100


def test_coco__no_images(tmp_path):
    assert COCO(write(tmp_path, {})).imgs == {}


def test_coco__class_without_confidence(tmp_path):
    """A mask that was corrected by hand after labelling."""
    row = row_of("a.jpg", np.full((2, 2), 1, np.uint8))
    with open_coco(tmp_path, CLASSES) as sink:
        sink.add(row, np.full((2, 2), 2, np.uint8))
    (annotation,) = json.loads((tmp_path / "coco.json").read_text())["annotations"]
    assert annotation["category_id"] == 2
    assert "score" not in annotation


@pytest.mark.parametrize(
    "image", ["a\nb.jpg", 'quo"te.jpg', "back\\slash.jpg", "日本.jpg", "caf\udce9.jpg", "a;b,c d.jpg"]
)
def test_coco__hard_names(tmp_path, image):
    path = write(tmp_path, {image: np.ones((1, 1), np.uint8)})
    assert json.loads(path.read_bytes())["images"][0]["file_name"] == image


def test_coco__same_bytes_again(path, tmp_path):
    assert write(tmp_path).read_bytes() == path.read_bytes()


def test_coco__nothing_unless_whole(tmp_path):
    (tmp_path / "coco.json").write_text("old")
    mask = np.ones((3, 3), np.uint8)
    with contextlib.suppress(KeyboardInterrupt), open_coco(tmp_path, CLASSES) as sink:
        sink.add(row_of("a.jpg", mask), mask)
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["coco.json"]
    assert (tmp_path / "coco.json").read_text() == "old"


BORDERS = [0, 1, 15, 16, 17, 31, 32, 511, 512, 513, 16383, 16384, 524287, 524288, 16777215, 16777216, 64_000_000]


@pytest.mark.parametrize("lengths", [[number, *BORDERS, number] for number in BORDERS] + [[7], [0, 9], BORDERS[::-1]])
def test_compress_counts__where_digits_begin(lengths):
    """Every size of number, and every sign of difference, against the C library."""
    reference = coco_mask.frPyObjects({"size": [1, sum(lengths)], "counts": lengths}, 1, sum(lengths))
    assert compress_counts(np.array(lengths)).encode() == reference["counts"]
