"""Label Studio: what its own SDK decodes and accepts."""

import contextlib
import json
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from label_studio_sdk.converter import brush
from label_studio_sdk.label_interface import LabelInterface
from labels_folder import CLASSES, hard_masks, random_masks, row_of

from swsss.data.classes import palette
from swsss.errors import UserError
from swsss.serve.formats.label_studio import image_address, open_label_studio, pack_brush

LARGE = "long runs"  # the SDK decodes bit by bit: seconds for this one
MASKS = {f"{name}.jpg": mask for name, mask in (hard_masks() | random_masks(100)).items() if name != LARGE}


def write(folder, masks=MASKS, prefix=""):
    with open_label_studio(folder, CLASSES, prefix) as sink:
        for image, mask in masks.items():
            sink.add(row_of(image, mask), mask)
    return json.loads((folder / "label-studio.json").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("label-studio")
    write(folder)
    return folder


@pytest.fixture(scope="module")
def tasks(folder):
    return json.loads((folder / "label-studio.json").read_text())


def test_label_studio__masks(tasks):
    assert [task["data"] for task in tasks] == [{"image": image} for image in MASKS]
    for task, mask in zip(tasks, MASKS.values(), strict=True):
        found = {}
        for region in task["predictions"][0]["result"]:
            assert (region["original_height"], region["original_width"]) == mask.shape
            (name,) = region["value"]["brushlabels"]
            found[CLASSES.ids[name]] = brush.decode_rle(region["value"]["rle"]).reshape(*mask.shape, 4)
            assert region["score"] == pytest.approx(0.9 - CLASSES.ids[name] / 10)
        assert found.keys() == set(np.unique(mask).tolist()) - {0, 255}
        for index, pixels in found.items():
            np.testing.assert_array_equal(pixels, np.repeat(255 * (mask == index)[..., None], 4, axis=2))


def test_label_studio__accepted_by_the_interface_beside_it(folder, tasks):
    interface = LabelInterface((folder / "label-studio.xml").read_text(encoding="utf-8"))
    for task in tasks:
        (prediction,) = task["predictions"]
        assert interface.validate_prediction(prediction, return_errors=True) == []
        assert prediction["score"] == 0.75
        assert prediction["model_version"] == "swsss"


def test_label_studio__ids_differ_everywhere(tasks):
    """Its guide: "You must use different IDs for each task elements, annotations, predictions and their items"."""
    ids = [region["id"] for task in tasks for region in task["predictions"][0]["result"]]
    assert len(set(ids)) == len(ids) > 300


def test_label_studio__labels_and_colours(folder):
    interface = LabelInterface((folder / "label-studio.xml").read_text(encoding="utf-8"))
    labels = interface.get_control("tag").labels_attrs
    colours = {name: label.attr["background"] for name, label in labels.items()}
    wanted = {name: "#" + bytes(palette()[index]).hex() for name, index in CLASSES.ids.items() if index}
    assert colours == wanted
    assert interface.get_object("image").value_name == "image"


@pytest.mark.parametrize("border", [2, 4, 64, 16_384, 32_768])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_pack_brush__where_length_fields_change(border, more):
    """Lengths around 8, 16, 256 and 65536 bytes: inside, outside, first and last."""
    lengths = [0, border + more, border + more, 1, 3, border + more]
    values = np.repeat([0, 255, 0, 255, 0, 255], lengths)
    np.testing.assert_array_equal(brush.decode_rle(pack_brush(np.array(lengths)))[::4], values)


def test_pack_brush__as_the_sdk_encodes():
    for mask in MASKS.values():
        inside = mask.ravel() == 1
        bounds = np.flatnonzero(np.diff(inside, prepend=False, append=not inside[-1]))
        ours = pack_brush(np.diff(bounds, prepend=0)).tolist()
        theirs = brush.mask2rle(np.where(mask == 1, 255, 0).astype(np.uint8))
        assert theirs in (ours, [*ours, 0])  # the SDK adds a byte when the last one is full


LOCAL = "/data/local-files/?d=images/"


@pytest.mark.parametrize(
    ("prefix", "image", "address"),
    [
        ("", "a b/ü.jpg", "a b/ü.jpg"),
        ("s3://bucket/", "a b/50%.jpg", "s3://bucket/a b/50%.jpg"),
        ("gs://bucket/", "a+b.jpg", "gs://bucket/a+b.jpg"),
        (LOCAL, "cats/001.jpg", LOCAL + "cats/001.jpg"),
        (LOCAL, "a b&c=d+e#f?.jpg", LOCAL + "a%20b%26c%3Dd%2Be%23f%3F.jpg"),
        ("https://host/x/", "50%.jpg", "https://host/x/50%25.jpg"),
        ("http://host/", "日.jpg", "http://host/%E6%97%A5.jpg"),
        (LOCAL, "caf\udce9.jpg", LOCAL + "caf%E9.jpg"),
    ],
)
def test_image_address(prefix, image, address):
    assert image_address(prefix, image) == address


@pytest.mark.parametrize("image", ["a\nb.jpg", "q\"'.jpg", "100% & more; a+b=c #1?.jpg", "日本/x y.jpg"])
def test_image_address__as_the_server_takes_it_apart(image):
    """`request.GET["d"]` of the local files view."""
    query = urlsplit(image_address(LOCAL, image)).query
    assert parse_qs(query, keep_blank_values=True) == {"d": [f"images/{image}"]}


def test_image_address__name_that_no_text_can_hold():
    with pytest.raises(UserError, match="not UTF-8"):
        image_address("", "caf\udce9.jpg")


def test_label_studio__refused_image_leaves_the_others(tmp_path):
    mask = np.ones((1, 1), np.uint8)
    with open_label_studio(tmp_path, CLASSES) as sink:
        for image in ["a.jpg", "caf\udce9.jpg", "b.jpg"]:
            with contextlib.suppress(UserError):
                sink.add(row_of(image, mask), mask)
    tasks = json.loads((tmp_path / "label-studio.json").read_text())
    assert [task["data"]["image"] for task in tasks] == ["a.jpg", "b.jpg"]


def test_label_studio__no_images(tmp_path):
    assert write(tmp_path, {}) == []


def test_label_studio__class_without_confidence(tmp_path):
    with open_label_studio(tmp_path, CLASSES) as sink:
        sink.add(row_of("a.jpg", np.full((2, 2), 1, np.uint8)), np.full((2, 2), 2, np.uint8))
    (task,) = json.loads((tmp_path / "label-studio.json").read_text())
    (region,) = task["predictions"][0]["result"]
    assert region["value"]["brushlabels"] == ["dog"]
    assert "score" not in region


def test_label_studio__same_bytes_again(folder, tmp_path):
    write(tmp_path)
    for name in ["label-studio.json", "label-studio.xml"]:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_label_studio__nothing_unless_whole(tmp_path):
    with contextlib.suppress(KeyboardInterrupt), open_label_studio(tmp_path, CLASSES):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
