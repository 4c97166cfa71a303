"""CVAT: what a reader finds that follows the page on "Segmentation mask 1.1" and the code that imports it.

The reader below does what CVAT's importer (cvat-ai/datumaro, `voc_format`) does: a list of items, a colour for each
label, masks decoded by OpenCV, an annotation for each colour of the instance mask but black.
"""

import contextlib
import zipfile

import cv2
import numpy as np
import pytest
from labels_folder import CLASSES, hard_masks, random_masks, row_of

from swsss.data.classes import ClassTable
from swsss.errors import UserError
from swsss.serve.formats.cvat import open_cvat

MASKS = {f"deep er/{name}.é.jpg": mask for name, mask in (hard_masks() | random_masks(60)).items()}


def write(folder, masks=MASKS, classes=CLASSES):
    with open_cvat(folder, classes) as sink:
        for image, mask in masks.items():
            sink.add(row_of(image, mask), mask)
    return folder / "cvat.zip"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("cvat"))


def lines_of(archive, name):
    lines = (line.strip() for line in archive.read(name).decode("utf-8").split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def packed(archive, name):
    """The colours of a mask as numbers: blue + 256 green + 65536 red."""
    pixels = cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels.shape[2] == 3
    return pixels.astype(int) @ [1, 256, 65536]


def annotations(path):
    """Every annotation an import would make: {item: [(label, bool mask), ...]}."""
    with zipfile.ZipFile(path) as archive:
        labels = {}
        for line in lines_of(archive, "labelmap.txt"):
            name, colour, parts, actions = line.split(":")
            assert (parts, actions) == ("", "")
            red, green, blue = map(int, colour.split(","))
            assert labels.setdefault(blue + 256 * green + 65536 * red, name) is name
        found = {}
        for item in lines_of(archive, "ImageSets/Segmentation/default.txt"):
            colours = packed(archive, f"SegmentationClass/{item}.png")
            assert set(np.unique(colours).tolist()) <= labels.keys(), "Undeclared color"
            instances = packed(archive, f"SegmentationObject/{item}.png")
            pairs = np.unique(np.stack([instances[instances > 0], colours[instances > 0]]), axis=1).T.tolist()
            assert len({instance for instance, _ in pairs}) == len(pairs)
            found[item] = [(labels[colour], instances == instance) for instance, colour in pairs]
        return found


def test_cvat__annotations(path):
    found = annotations(path)
    assert list(found) == [image.removesuffix(".jpg") for image in MASKS]
    for instances, mask in zip(found.values(), MASKS.values(), strict=True):
        present = set(np.unique(mask).tolist()) - {0, 255}
        assert sorted(name for name, _ in instances) == sorted(CLASSES.names[index] for index in present)
        for name, pixels in instances:
            np.testing.assert_array_equal(pixels, mask == CLASSES.ids[name])


def test_cvat__every_class_has_its_own_colour(tmp_path):
    """As many classes as there can be, each in one pixel."""
    classes = ClassTable(tuple(f"class {index}" for index in range(255)))
    path = write(tmp_path, {"a.jpg": np.arange(255, dtype=np.uint8)[None]}, classes)
    assert sorted(name for name, _ in annotations(path)["a"]) == sorted(classes.names[1:])


def test_cvat__no_images(tmp_path):
    assert annotations(write(tmp_path, {})) == {}


@pytest.mark.parametrize("name", ["with:colon", "#hash"])
def test_cvat__class_that_labelmap_cannot_hold(tmp_path, name):
    with pytest.raises(UserError, match=name):
        write(tmp_path, {}, ClassTable(("background", "cat", name)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("image", "file", "told"),
    [
        ("a.jpg", "a.jpg.png", "differs only in the extension"),
        ("a\nb.jpg", "", "line break"),
        ("a\rb.jpg", "", "line break"),
        ("d/a .jpg", "", "outer space"),
        (" d/a.jpg", "", "outer space"),
        ("#1.jpg", "", "leading #"),
        ("caf\udce9.jpg", "", "not UTF-8"),
    ],
)
def test_cvat__image_it_would_mistake(tmp_path, image, file, told):
    """One such item makes CVAT refuse the whole archive; without it the others arrive."""
    mask = np.ones((2, 2), np.uint8)
    with open_cvat(tmp_path, CLASSES) as sink:
        sink.add(row_of("first.jpg", mask), mask)
        with pytest.raises(UserError, match=told):
            sink.add(row_of(image, mask, file), mask)
        sink.add(row_of("last.jpg", mask), mask)
    assert list(annotations(tmp_path / "cvat.zip")) == ["first", "last"]


@pytest.mark.parametrize("image", ["a.b.c.jpg", "d/#1.jpg", "a;b,c.jpg", "q'\".jpg", "日本/x y.JPEG", "a:b.tif"])
def test_cvat__hard_names(tmp_path, image):
    path = write(tmp_path, {image: np.ones((2, 2), np.uint8)})
    assert list(annotations(path)) == [image.rpartition(".")[0]]


def test_cvat__same_bytes_again(path, tmp_path):
    assert write(tmp_path).read_bytes() == path.read_bytes()


def test_cvat__nothing_unless_whole(tmp_path):
    with contextlib.suppress(KeyboardInterrupt), open_cvat(tmp_path, CLASSES):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
