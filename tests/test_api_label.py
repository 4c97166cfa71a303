"""`swsss.load`: what a labeller gives is what ONNX Runtime gives, for every kind of image, one by one or together."""

import threading

import numpy as np
import pytest
from labelling import TAGS, Reference, done, label, make_photos, mask_at, picture, save
from models import CLASSES
from PIL import Image

import swsss
from swsss.data.images import orient, orient_back, read_image


@pytest.fixture(scope="module")
def labeller(model_file):
    return swsss.load(model_file, device="cpu", threads=1)


@pytest.fixture(scope="module")
def reference(model_file):
    return Reference(model_file)


def assert_labels(found, expected):
    assert isinstance(found, swsss.Labels)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == np.uint8
        np.testing.assert_array_equal(one, other)


def test_labeller__what_it_says_of_itself(labeller):
    assert labeller.classes == CLASSES.names
    assert (labeller.info.task, labeller.info.precision) == ("conditioned", "fp32")
    assert "5 classes" in repr(labeller)


@pytest.mark.parametrize("tags", [*TAGS, None], ids=str)
def test_label__tags(labeller, reference, tags):
    pixels = picture(1)
    found = labeller.label(pixels, tags if tags is None else list(tags))
    assert_labels(found, reference(pixels, tags))
    mask, confidence = found
    assert mask is found.mask
    assert confidence is found.confidence


def test_label__order_repetition_and_background_say_nothing(labeller):
    pixels = picture(2)
    assert_labels(labeller.label(pixels, ["dog", "background", "cat", "dog"]), labeller.label(pixels, ("cat", "dog")))


@pytest.mark.parametrize("kind", ["str", "path", "pillow", "array", "view"])
def test_label__kinds_of_images(labeller, reference, tmp_path, kind):
    path = save(tmp_path / "photo.png", picture(3))
    wide = np.repeat(picture(3), 2, axis=1)
    image = {"str": str(path), "path": path, "pillow": Image.open(path), "array": picture(3), "view": wide[:, ::2]}[
        kind
    ]
    assert_labels(labeller.label(image, ["cat", "dog"]), reference(picture(3), ("cat", "dog")))


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "I;16", "CMYK"])
def test_label__pillow_modes(labeller, reference, mode):
    rgb = Image.fromarray(picture(4))
    if mode == "I;16":
        image, expected = Image.fromarray(picture(4)[..., 0].astype(np.uint16) * 257), picture(4)[..., :1].repeat(3, 2)
    else:
        image = rgb.convert("L").convert("LA") if mode == "LA" else rgb.convert(mode)
        expected = np.array(image.convert("RGB"))
    assert image.mode == mode
    assert_labels(labeller.label(image), reference(expected, None))


def test_label__grey_array(labeller, reference):
    grey = picture(5)[..., 0]
    assert_labels(labeller.label(grey), reference(np.repeat(grey[..., None], 3, axis=2), None))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "tif"])
def test_label__orientation(labeller, reference, tmp_path, orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / f"photo.{kind}", picture(6), exif=exif)
    stored, turned = read_image(path)
    assert turned == (orientation if kind == "jpg" else 1)
    expected = [orient_back(one, turned) for one in reference(orient(stored, turned), ("cat", "dog"))]
    found = labeller.label(path, ["cat", "dog"])
    assert_labels(found, expected)
    assert found.mask.shape == stored.shape[:2]
    with Image.open(path) as image:
        assert_labels(labeller.label(image, ["cat", "dog"]), expected)
        assert image.mode == "RGB"


def test_label__ignore_below(labeller, reference):
    mask, confidence = reference(picture(7), None)
    found = labeller.label(picture(7), ignore_below=0.6)
    assert_labels(found, (np.where(confidence < 255 * 0.6, 255, mask), confidence))
    assert 0 < (found.mask == 255).sum() < mask.size


@pytest.mark.parametrize("batch", [0, 1, 2, 8])
def test_label_batch__each_as_alone(labeller, batch):
    sizes = [(48, 64), (40, 64), (48, 64), (64, 48), (48, 64), (40, 64), (33, 35)]
    images = [picture(number, *size) for number, size in enumerate(sizes)]
    tags = [["cat"], None, [], ["dog", "person"], ["polar bear", "cat", "dog"], ["cat"], None]
    found = labeller.label_batch(iter(images), tags, batch=batch)
    for labels, image, names in zip(found, images, tags, strict=True):
        assert_labels(labels, labeller.label(image, names))
    for labels, image in zip(labeller.label_batch(images, batch=batch), images, strict=True):
        assert_labels(labels, labeller.label(image))
    assert labeller.label_batch([]) == []


def test_label_batch__no_more_at_a_time_than_memory(model_file):
    small = swsss.load(model_file, device="cpu", threads=1, max_memory=0.25)
    asked = []
    ask = small.engine.label
    small.engine.label = lambda images, candidates: asked.append(len(images)) or ask(images, candidates)
    images = [picture(number, 256, 256) for number in range(12)]
    assert len(small.label_batch(images, batch=12)) == 12
    assert sum(asked) == 12
    assert max(asked) < 12


def test_label__from_threads(labeller):
    expected = [labeller.label(picture(number)) for number in range(6)]
    found = {}
    threads = [threading.Thread(target=lambda n=n: found.setdefault(n, labeller.label(picture(n)))) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, labels in enumerate(expected):
        assert_labels(found[number], labels)


def test_label__as_swsss_label(labeller, model_file, tmp_path):
    photos = make_photos(tmp_path, 5)
    done(label(photos, model_file, tmp_path / "labels"))
    for number, path in enumerate(sorted((photos / "images").rglob("*.*"), key=lambda path: path.stem)):
        name = path.relative_to(photos / "images").with_suffix(".png")
        np.testing.assert_array_equal(labeller.label(path, TAGS[number]).mask, mask_at(tmp_path / "labels", name))


def test_label__plain_model(labeller, reference, monkeypatch):
    monkeypatch.setattr(labeller.engine, "info", labeller.info.model_copy(update={"task": "plain"}))
    with pytest.raises(swsss.UserError) as caught:
        labeller.label(picture(8), ["cat"])
    assert (caught.value.code, caught.value.field) == ("tags-not-taken", "tags")
    monkeypatch.undo()
    assert_labels(labeller.label(picture(8)), reference(picture(8), None))


def test_load__checkpoint_with_a_model_file_beside_it(checkpoint_file, model_file, labeller):
    written = model_file.stat().st_mtime_ns
    assert_labels(swsss.load(checkpoint_file, device="cpu").label(picture(9)), labeller.label(picture(9)))
    assert model_file.stat().st_mtime_ns == written


WRONG = {
    "unknown class": ({"tags": ["cta"]}, "unknown-class", "tags"),
    "one name": ({"tags": "cat"}, "invalid-value", "tags"),
    "ignore_below": ({"ignore_below": 1.5}, "invalid-value", "ignore_below"),
    "no file": ({"image": "nowhere.jpg"}, "unreadable-image", "image"),
    "folder": ({"image": "."}, "unreadable-image", "image"),
    "floats": ({"image": np.zeros((4, 4, 3))}, "unsupported-image", "image"),
    "alpha": ({"image": np.zeros((4, 4, 4), np.uint8)}, "unsupported-image", "image"),
    "no pixels": ({"image": np.zeros((0, 4, 3), np.uint8)}, "unsupported-image", "image"),
    "32 bits": ({"image": Image.new("I", (4, 4))}, "unsupported-image", "image"),
    "bytes": ({"image": b"\xff\xd8"}, "unsupported-image", "image"),
    "large": ({"image": Image.new("1", (13000, 13000))}, "image-too-large", "image"),
}


@pytest.mark.parametrize(("wrong", "code", "field"), WRONG.values(), ids=WRONG)
def test_label__mistakes(model_file, wrong, code, field):
    labeller = swsss.load(model_file, device="cpu", threads=1, max_memory=0.25)
    with pytest.raises(swsss.UserError) as caught:
        labeller.label(**({"image": picture(0)} | wrong))
    assert (caught.value.code, caught.value.field) == (code, field)
    assert str(caught.value) == caught.value.message
    assert "--" not in caught.value.message


def test_label__did_you_mean(labeller):
    with pytest.raises(swsss.UserError, match="'cta'; did you mean 'cat'"):
        labeller.label(picture(0), ["cta"])


def test_label__damaged_pillow_image(labeller, tmp_path):
    path = save(tmp_path / "cut.png", picture(0))
    path.write_bytes(path.read_bytes()[:200])
    with Image.open(path) as image, pytest.raises(swsss.UserError) as caught:
        labeller.label(image)
    assert (caught.value.code, caught.value.field) == ("unreadable-image", "image")


def test_label_batch__mistakes(labeller, tmp_path):
    for tags in ([["cat"]], "cat"):
        with pytest.raises(swsss.UserError) as caught:
            labeller.label_batch([picture(0), picture(1)], tags)
        assert (caught.value.code, caught.value.field) == ("invalid-value", "tags")
    with pytest.raises(swsss.UserError, match=r"^Image 1: ") as caught:
        labeller.label_batch([picture(0), tmp_path / "nowhere.png"])
    assert (caught.value.code, caught.value.field) == ("unreadable-image", "images")


def test_label__engine_that_fails(model_file):
    labeller = swsss.load(model_file, device="cpu", threads=1)

    def fail(images, candidates):
        raise RuntimeError("out of memory")

    labeller.engine.label = fail
    with pytest.raises(swsss.UserError, match="out of memory") as caught:
        labeller.label(picture(0))
    assert caught.value.code == "inference-failed"
    assert isinstance(caught.value.__cause__, RuntimeError)


LOADING = {
    "nothing there": ({"model": "nowhere.onnx"}, "not-found", "model"),
    "not a model": ({"model": __file__}, "unusable-model", "model"),
    "device": ({"device": "gpu"}, "invalid-value", "device"),
    "threads": ({"threads": -1}, "invalid-value", "threads"),
    "memory": ({"max_memory": 0.0}, "invalid-value", "max_memory"),
    "no GPU": ({"device": "cuda"}, "no-device", "device"),
}


@pytest.mark.parametrize(("wrong", "code", "field"), LOADING.values(), ids=LOADING)
def test_load__mistakes(model_file, wrong, code, field, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(swsss.UserError) as caught:
        swsss.load(**({"model": model_file} | wrong))
    assert (caught.value.code, caught.value.field) == (code, field)
    assert "--" not in caught.value.message


def test_load__onnx_file_of_others(tmp_path):
    path = tmp_path / "odd.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(swsss.UserError) as caught:
        swsss.load(str(path))
    assert (caught.value.code, caught.value.field) == ("unusable-model", "model")
