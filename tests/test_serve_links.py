"""What lies below the server's root: links that lead out of it, also while a job runs, and dataset directories."""

import shutil

import pytest
from labelling import make_photos
from serving import rows_of, serving, told

from swsss.data import below
from swsss.errors import UserError
from swsss.serve.server.jobs import labeller
from swsss.serve.server.protocols.fetching import Fetcher


@pytest.fixture
def photos(tmp_path):
    return make_photos(tmp_path / "root", 4)


def test_job__image_swapped_for_a_link(model_file, photos, tmp_path, monkeypatch):
    """An image that becomes a link out of the root while the job runs fails alone, and is nowhere shown."""
    outside = shutil.copy(photos / "images" / "00.jpg", tmp_path / "secret.jpg")
    genuine = labeller.check_links

    def check(folder, within):
        genuine(folder, within)
        (photos / "images" / "00.jpg").unlink()
        (photos / "images" / "00.jpg").symlink_to(outside)

    monkeypatch.setattr(labeller, "check_links", check)
    with serving(model_file, tmp_path / "data", root=photos) as client:
        job = client.ended(client.submit()["id"])
        assert (job["done"], job["failed"]) == (4, 1)
        (failure,) = rows_of(client.get(f"/v1/jobs/{job['id']}/failures.csv").content)
        assert (failure["image"], failure["stage"]) == ("00.jpg", "decode")
        assert "leads out" in failure["reason"]
        assert str(tmp_path) not in failure["reason"]


def test_job__tags_swapped_for_a_link(model_file, photos, tmp_path, monkeypatch):
    """Nothing of a file outside comes out as a mistake in the tags."""
    (tmp_path / "secret").write_text("image,labels\n00.jpg,the secret\n")
    genuine = below.check_below

    def check(path, within):
        found = genuine(path, within)
        if path.name == "tags.csv" and not swapped:
            swapped.append((photos / "tags.csv").unlink())
            (photos / "tags.csv").symlink_to(tmp_path / "secret")
        return found

    swapped = []
    monkeypatch.setattr(below, "check_below", check)
    with serving(model_file, tmp_path / "data", root=photos) as client:
        job = client.ended(client.submit()["id"], "failed")
        assert "tags.csv" in job["message"]
        assert "the secret" not in job["message"]


def test_label_studio__local_file_that_is_a_link(model_file, photos, tmp_path, monkeypatch):
    """Also one that was swapped after its path was looked at."""
    from swsss.serve.server.jobs.root import Root
    from swsss.serve.server.settings import Settings

    (tmp_path / "secret").write_bytes(b"secret")
    root = Root(photos)
    fetch = Fetcher(Settings({}, tmp_path / "data"), root)
    assert fetch._local("/images/00.jpg") == (photos / "images" / "00.jpg").read_bytes()
    (photos / "images" / "link.jpg").symlink_to(tmp_path / "secret")
    monkeypatch.setattr(root, "find", lambda name: photos / "images" / "link.jpg")
    with pytest.raises(UserError, match="not a file below the server's root") as raised:
        fetch._local("/images/link.jpg")
    assert str(tmp_path) not in str(raised.value)


def dataset(photos, *names):
    for name in names:
        path = photos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photos / "images" / "00.jpg", path)


def test_folders__dataset(model_file, tmp_path):
    root = make_photos(tmp_path / "root" / "data", 2).parent
    (root / "empty" / "images").mkdir(parents=True)
    (root / "more" / "images").mkdir(parents=True)
    (root / "more" / "classes.txt").touch()
    with serving(model_file, tmp_path / "served", root=root) as client:
        found = {
            path: client.get("/v1/folders", params={"path": path}).json()["dataset"]
            for path in ("", "data", "empty", "more")
        }
        assert found == {
            "": None,
            "data": {"images": "data/images", "labels": "data/tags.csv"},
            "empty": None,
            "more": {"images": "more/images", "labels": None},
        }
        assert client.done(**found["data"])
    with serving(model_file, tmp_path / "itself", root=root / "data") as client:
        assert client.get("/v1/folders").json()["dataset"] == {"images": "images", "labels": "tags.csv"}


@pytest.mark.parametrize("name", ["", ".", "data", "data/"])
def test_submit__dataset_directory(model_file, tmp_path, name):
    """Its masks would be images: refused, with the name of the folder that is meant."""
    photos = make_photos(tmp_path / "root" / "data", 2)
    dataset(photos, "masks/deep/00.png")
    root = photos.parent if "data" in name else photos
    images = "data/images" if "data" in name else "images"
    with serving(model_file, tmp_path / "served", root=root) as client:
        answer = client.post("/v1/jobs", json={"images": name, "untagged": "all"})
        assert f"name '{images}' instead" in told(answer, 422)
        assert client.done(images=images, labels=None, untagged="all")


@pytest.mark.parametrize("name", ["masks/readme.txt", "masked/00.png"])
def test_submit__no_dataset_directory(model_file, tmp_path, name):
    photos = make_photos(tmp_path / "root", 2)
    dataset(photos, name)
    with serving(model_file, tmp_path / "served", root=photos) as client:
        assert client.done(images="", labels=None, untagged="all")
