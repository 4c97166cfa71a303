"""What a second start labels anew: exactly what is affected; and that nothing else decides what comes out."""

import os
import shutil
import time

import numpy as np
import onnx
import pytest
from labelling import Reference, contents, done, label, make_photos, mask_at, picture, save, stamps, table
from PIL import Image

from swsss.data.listing import list_images
from swsss.data.tags import write_tags
from swsss.serve.engines.onnx import OnnxEngine

PHOTOS = 9


@pytest.fixture(scope="module")
def kept(tmp_path_factory, model_file):
    """Photos and their labels; not to be changed."""
    root = make_photos(tmp_path_factory.mktemp("kept"), PHOTOS)
    done(label(root, model_file, root / "labels"))
    return root


@pytest.fixture
def photos(kept, tmp_path):
    """The same, to be changed; times are kept."""
    return shutil.copytree(kept, tmp_path / "photos")


@pytest.fixture
def labelled(photos):
    return photos / "labels"


@pytest.fixture(scope="module")
def with_confidence(kept, model_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("confidence") / "labels"
    done(label(kept, model_file, out, "--confidence"))
    return contents(out)


def again(photos, model, out, *options, code=0):
    """Start again: what was told, and the masks that were written."""
    before = stamps(out)
    told = done(label(photos, model, out, *options), code)
    after = stamps(out)
    return told, {name for name in after if after[name] != before.get(name)}


@pytest.fixture
def other_model(model_file, tmp_path):
    """The same model under another producer's name: other bytes."""
    model = onnx.load(model_file)
    model.producer_name = "somebody"
    onnx.save(model, tmp_path / "other.onnx")
    return tmp_path / "other.onnx"


def everything(out):
    return set(stamps(out))


def test_label__nothing_changed(photos, model_file, labelled):
    before = contents(labelled)
    told, written = again(photos, model_file, labelled)
    assert f"{PHOTOS} of {PHOTOS} images are labelled already." in told
    assert f"0 images in 0.0 s, {PHOTOS} from before" in told
    assert written == set()
    assert contents(labelled) == before


def test_label__one_row_of_tags(photos, model_file, labelled):
    tags = photos / "tags.csv"
    tags.write_text(tags.read_text().replace("03.png,cat;dog;polar bear;person", "03.png,person"))
    assert again(photos, model_file, labelled)[1] == {"03.png"}
    assert set(np.unique(mask_at(labelled, "03.png"))) <= {0, 4}
    assert {row["image"]: row["tags"] for row in table(labelled / "manifest.csv")}["03.png"] == "person"
    # Another order, another shape of the file: the same tags.
    lines = tags.read_text().splitlines()
    tags.write_text("\r\n".join([lines[0], *reversed(lines[1:])]))
    assert again(photos, model_file, labelled)[1] == set()


def test_label__one_image_touched_or_replaced(photos, model_file, labelled):
    image = photos / "images" / "03.png"
    os.utime(image, ns=(0, image.stat().st_mtime_ns + 1))
    assert again(photos, model_file, labelled)[1] == {"03.png"}
    state = image.stat()
    save(image, picture(77))
    with image.open("ab") as file:
        file.write(bytes(1 + abs(state.st_size - image.stat().st_size)))
    os.utime(image, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert again(photos, model_file, labelled)[1] == {"03.png"}, "another size with the old time"


def test_label__other_model(photos, model_file, other_model, labelled):
    told, written = again(photos, other_model, labelled)
    assert written == everything(labelled)
    assert "labelled already" not in told
    assert again(photos, other_model, labelled)[1] == set()
    assert again(photos, model_file, labelled, "--limit", 2)[1] == {"00.png", "01.png"}
    assert len(table(labelled / "manifest.csv")) == 2, "of one model only"


def test_label__other_options(photos, model_file, labelled):
    assert again(photos, model_file, labelled, "--ignore-below", 0.5)[1] == everything(labelled)
    assert again(photos, model_file, labelled, "--ignore-below", 0.5)[1] == set()
    assert again(photos, model_file, labelled, "--ignore-below", 0.6)[1] == everything(labelled)
    assert again(photos, model_file, labelled, "--ignore-below", 0.6, "--overwrite")[1] == everything(labelled)


def test_label__confidence_added(photos, model_file, labelled, with_confidence):
    before = contents(labelled)
    again(photos, model_file, labelled, "--confidence")
    assert contents(labelled) == with_confidence
    assert before.items() <= contents(labelled).items()
    assert again(photos, model_file, labelled, "--confidence")[1] == set()
    (labelled / "confidence" / "03.png").unlink()
    assert again(photos, model_file, labelled, "--confidence")[1] == {"03.png"}
    assert contents(labelled) == with_confidence
    # Labelled anew without it, an image must not keep a map that is not its mask's.
    os.utime(photos / "images" / "03.png")
    assert again(photos, model_file, labelled)[1] == {"03.png"}
    assert not (labelled / "confidence" / "03.png").exists()


def test_label__mask_deleted(photos, model_file, labelled):
    before = contents(labelled)
    (labelled / "masks" / "sub" / "02.png").unlink()
    assert again(photos, model_file, labelled)[1] == {"sub/02.png"}
    assert contents(labelled) == before


def test_label__image_gone(photos, model_file, labelled):
    (photos / "images" / "03.png").unlink()
    write_tags(photos / "tags.csv", [(name, ["cat"]) for name in list_images(photos / "images")])
    again(photos, model_file, labelled)
    assert "03.png" not in [row["image"] for row in table(labelled / "manifest.csv")]


def test_label__image_that_became_unreadable(photos, model_file, labelled):
    """Its old mask would pass for a label of what is there now."""
    (photos / "images" / "03.png").write_bytes(b"")
    assert again(photos, model_file, labelled, code=1)[1] == set()
    assert "03.png" not in stamps(labelled)
    assert [row["image"] for row in table(labelled / "failures.csv")] == ["03.png"]
    assert len(table(labelled / "manifest.csv")) == PHOTOS - 1


def test_label__stem_taken_twice_and_no_longer(photos, model_file, labelled, tmp_path):
    """Masks are renamed, and one image's mask never passes for another's, whatever comes and goes."""
    images, ask = photos / "images", Reference(model_file)
    names = ["03.png", "03.jpg", "03.jpg.bmp"]
    for number, name in enumerate(names):
        save(tmp_path / "shelf" / name, picture(100 + number))
    for present in (["03.jpg"], ["03.jpg.bmp"], ["03.png", "03.jpg"], ["03.png"], ["03.jpg.bmp", "03.jpg"], ["03.jpg"]):
        for name in names:
            (images / name).unlink(missing_ok=True)
            if name in present:
                shutil.copy2(tmp_path / "shelf" / name, images)
        write_tags(photos / "tags.csv", [(name, ["cat", "dog"]) for name in list_images(images)])
        done(label(photos, model_file, labelled))
        masks = {row["image"]: row["mask"] for row in table(labelled / "manifest.csv")}
        for name in present:
            with Image.open(images / name) as image:
                expected, _ = ask(np.asarray(image), ("cat", "dog"))
            np.testing.assert_array_equal(mask_at(labelled, masks[name]), expected, f"{name} of {present}")


def test_label__saved_now_and_then(photos, model_file, tmp_path, monkeypatch):
    """What is done is kept also when the process ends without a word."""
    calls = []

    def label_some(self, images, candidates):
        # One thread writes: with the second mask on the disk, the first is done and noted.
        while len(list((tmp_path / "out/masks").rglob("*.png"))) < len(calls):
            time.sleep(0.01)
        calls.append(1)
        if len(calls) > 6:
            raise KeyboardInterrupt
        return genuine(self, images, candidates)

    genuine = OnnxEngine.label
    with monkeypatch.context() as patch:
        patch.setattr(OnnxEngine, "label", label_some)
        patch.setattr("swsss.serve.label._SAVE_SECONDS", 0.0)
        done(label(photos, model_file, tmp_path / "out", "--workers", 1, "--batch", 1), 130)
    told = done(label(photos, model_file, tmp_path / "out"))
    assert f"of {PHOTOS} images are labelled already." in told


@pytest.mark.parametrize(
    "options",
    [["--batch", 4], ["--batch", 3, "--workers", 5], ["--workers", 1], ["--threads", 3], ["--batch", 64]],
    ids=lambda options: " ".join(map(str, options)),
)
def test_label__results_do_not_depend_on(kept, model_file, with_confidence, tmp_path, options):
    done(label(kept, model_file, tmp_path, "--confidence", *options))
    assert contents(tmp_path) == with_confidence


def test_label__results_do_not_depend_on_the_order(photos, model_file, labelled, tmp_path):
    reverse = list_images(photos / "images")[::-1]
    for position, name in enumerate(reverse):
        (tmp_path / "list.txt").write_text(f"{name}\n")
        if position % 3 == 0:
            done(label(photos, model_file, tmp_path / "other", "--only", tmp_path / "list.txt"))
    done(label(photos, model_file, tmp_path / "other"))
    assert contents(tmp_path / "other") == contents(labelled)
