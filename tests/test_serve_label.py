"""One image over HTTP: the mask that ONNX Runtime itself gives, in every form; and a sentence for every mistake."""

import io
import time

import numpy as np
import pytest
from labelling import Reference, contents, done, label, make_photos, picture, save
from models import CLASSES
from PIL import Image, ImageOps
from pycocotools import mask as coco
from serving import JPEG, JSON, pixels_of, serving, told

from swsss.data.classes import palette
from swsss.serve.engines.onnx import OnnxEngine


@pytest.fixture(scope="module")
def server(model_file, tmp_path_factory):
    with serving(model_file, tmp_path_factory.mktemp("data"), pixels=100_000, image_bytes=300_000) as client:
        yield client


@pytest.fixture(scope="module")
def reference(model_file):
    return Reference(model_file)


def encoded(pixels, kind="PNG", **options):
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, kind, **options)
    return target.getvalue()


@pytest.mark.parametrize(
    ("query", "tags"),
    [
        ({"tags": "cat"}, ("cat",)),
        ({"tags": ["cat", "polar bear"]}, ("cat", "polar bear")),
        ({"tags": "dog;polar bear|cat"}, ("dog", "polar bear", "cat")),
        ({"tags": "background"}, ()),
        ({"tags": ""}, ()),
        ({"untagged": "all"}, None),
        ({"tags": "cat", "untagged": "all"}, ("cat",)),
        ({"tags": "cat", "model": "small"}, ("cat",)),
    ],
)
def test_label__mask(server, reference, query, tags):
    pixels = picture(7, 57, 43)
    answer = server.label(encoded(pixels), **query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    expected, _ = reference(pixels, tags)
    np.testing.assert_array_equal(pixels_of(answer.content), expected)
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.getpalette() == palette().ravel().tolist()


def test_label__json(server, reference):
    pixels = picture(8, 50, 61)
    answer = server.label_json(encoded(pixels), tags=["cat", "dog", "person"], ignore_below=0.7)
    mask, confidence = reference(pixels, ("cat", "dog", "person"))
    ignored = confidence < 255 * 0.7
    assert ignored.any()
    assert not ignored.all()
    mask = np.where(ignored, 255, mask)
    assert (answer["model"], answer["width"], answer["height"]) == ("small", 61, 50)
    assert answer["tags"] == [1, 2, 4]
    assert [one["id"] for one in answer["classes"]] == np.unique(mask).tolist()
    for one in answer["classes"]:
        here = mask == one["id"]
        assert one["pixels"] == here.sum()
        if one["id"] == 255:
            assert one["confidence"] is None
        else:
            assert one["confidence"] == pytest.approx(confidence[here].mean() / 255, abs=1e-4)
        if one["id"] in {0, 255}:
            assert "rle" not in one
        else:
            assert one["name"] == CLASSES.names[one["id"]]
            np.testing.assert_array_equal(coco.decode(one["rle"]).astype(bool), here)
    assert answer["found"] == sorted(set(np.unique(mask).tolist()) - {0, 255})
    assert sorted(answer["found"] + answer["not_found"]) == [1, 2, 4]
    assert answer["mean_confidence"] == pytest.approx(confidence.mean() / 255, abs=1e-4)


def test_label__as_swsss_label(server, model_file, tmp_path):
    """The bytes that swsss-label writes."""
    photos = make_photos(tmp_path, 6)
    done(label(photos, model_file, tmp_path / "out"))
    masks = contents(tmp_path / "out")
    for line in (photos / "tags.csv").read_text().splitlines()[1:]:
        name, tags = line.split(",")
        answer = server.label((photos / "images" / name).read_bytes(), tags=tags)
        assert answer.content == masks[f"masks/{name.rpartition('.')[0]}.png"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_label__turned_photo(server, reference, tmp_path, orientation):
    stored = picture(9, 48, 30)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "turned.png", stored, exif=exif.tobytes())
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    expected, _ = reference(upright, ("cat", "dog"))
    answer = server.label(path.read_bytes(), tags="cat;dog", grid="upright")
    np.testing.assert_array_equal(pixels_of(answer.content), expected)
    in_file = pixels_of(server.label(path.read_bytes(), tags="cat;dog").content)
    assert in_file.shape == stored.shape[:2]
    with Image.open(path) as image:
        as_photo = Image.fromarray(in_file)
        as_photo.info["exif"] = image.info["exif"]
        turned = ImageOps.exif_transpose(as_photo)
    np.testing.assert_array_equal(np.asarray(turned), expected)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_label__formats(server, kind):
    kinds = {"Content-Type": f"image/{kind.lower()}"}
    answer = server.post("/v1/label?tags=cat", content=encoded(picture(3), kind), headers=kinds)
    assert pixels_of(answer.content).shape == (48, 64)


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ({}, 422, "This model labels by tags: give tags=cat"),
        ({"tags": "dgo"}, 422, "Unknown class 'dgo'; did you mean 'dog'?"),
        ({"tags": "cat", "model": "large"}, 404, "There is no model 'large'; loaded are: small."),
        ({"tags": "cat", "ignore_below": "2"}, 422, "ignore_below: input should be less than or equal to 1."),
        ({"tags": "cat", "grid": "turned"}, 422, "grid: input should be 'stored' or 'upright'."),
    ],
)
def test_label__wrong_query(server, query, status, sentence):
    assert sentence in told(server.label(encoded(picture(1)), **query), status)


@pytest.mark.parametrize(
    ("data", "headers", "status", "sentence"),
    [
        (b"", JPEG, 422, "The body is empty; send the bytes of an image."),
        (b"no image at all", JPEG, 422, "The image cannot be read as an image: "),
        (encoded(picture(1), "JPEG")[:-40], JPEG, 422, "it is cut short"),
        (encoded(picture(1)), {"Content-Type": "text/plain"}, 415, "The Content-Type is 'text/plain'; send one of "),
        (encoded(picture(1)), {}, 415, "The Content-Type is missing; send one of "),
        (encoded(picture(1)), JPEG | {"Accept": "text/html"}, 406, "Ask for image/png or application/json"),
        (b"0" * 300_001, JPEG, 413, "The body is larger than the 300000 bytes taken here"),
        (encoded(np.zeros((400, 251, 3), np.uint8)), JPEG, 422, "251×400 pixels, more than the 100000 this server"),
    ],
    ids=["empty", "text", "cut", "kind", "no kind", "accept", "bytes", "pixels"],
)
def test_label__wrong_body(server, data, headers, status, sentence):
    answer = server.post("/v1/label?tags=cat", content=data, headers=headers)
    assert sentence in told(answer, status)


def test_label__length_that_is_not_declared(server):
    """A chunked body is counted as it comes."""
    answer = server.post("/v1/label?tags=cat", content=(b"0" * 50_000 for _ in range(7)), headers=JPEG)
    assert "larger than the 300000 bytes" in told(answer, 413)


def test_label__bomb(server):
    """100 megapixels in a few kilobytes."""
    target = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(target, "PNG")
    assert len(target.getvalue()) < 30_000
    assert "10000×10000 pixels" in told(server.label(target.getvalue(), tags="cat"), 422)


def test_info(server, model_file):
    info = server.get("/v1/info").json()
    (model,) = info["models"]
    assert info["default_model"] == model["name"] == "small"
    assert [one["name"] for one in model["classes"]] == list(CLASSES.names)
    assert model["classes"][1]["colour"] == "#800000"
    assert info["root"] is False
    assert info["limits"]["image_bytes"] == 300_000
    assert server.get("/v1/models", headers=JSON).json()["models"] == info["models"]


def test_statistics(model_file, tmp_path):
    """In the shape of Triton's, of every protocol's requests: where their time went."""
    data = encoded(picture(1))
    tensors = {"inputs": [{"name": "image", "datatype": "UINT8", "shape": [3, 2, 2, 3], "data": [9] * 36}]}
    tensors["inputs"] += [{"name": "candidates", "datatype": "INT64", "shape": [3, 1], "data": [0] * 3}]
    with serving(model_file, tmp_path, batch=4) as client:
        for _ in range(2):
            assert client.label(data, tags="cat").status_code == 200
        assert client.post("/v2/models/small/infer", json=tensors).status_code == 200
        assert client.post("/v2/models/small/infer", json={"inputs": []}).status_code == 400
        (found,) = client.get("/v2/models/stats").json()["model_stats"]
        assert client.get("/v2/models/small/stats").json() == {"model_stats": [found]}
        assert client.get("/v2/models/nobody/stats").status_code == 404
    parts = found["inference_stats"]
    assert (found["name"], found["version"]) == ("small", "1")
    assert (found["inference_count"], found["execution_count"]) == (5, 3)
    assert {name: part["count"] for name, part in parts.items()} == {
        "success": 3,
        "fail": 0,
        "queue": 3,
        "compute_input": 3,
        "compute_infer": 3,
        "compute_output": 3,
    }
    assert parts["compute_infer"]["ns"] > 0
    spent = sum(parts[name]["ns"] for name in ("queue", "compute_input", "compute_infer", "compute_output"))
    assert parts["success"]["ns"] >= 0.99 * spent
    assert abs(found["last_inference"] / 1000 - time.time()) < 60


def test_statistics__failures(model_file, tmp_path, monkeypatch):
    def refuse(self, images, candidates):
        raise RuntimeError("not enough memory")

    with serving(model_file, tmp_path) as client:
        with monkeypatch.context() as patch:
            patch.setattr(OnnxEngine, "label", refuse)
            assert client.label(encoded(picture(1)), tags="cat").status_code == 422
        (found,) = client.get("/v2/models/stats").json()["model_stats"]
    assert (found["inference_count"], found["execution_count"]) == (0, 0)
    assert (found["inference_stats"]["success"]["count"], found["inference_stats"]["fail"]["count"]) == (0, 1)
