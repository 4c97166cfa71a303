"""What a job made, looked at and corrected over HTTP, against ONNX Runtime itself."""

import base64
import errno
import io
import os
import shutil
import sqlite3
import zlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from labelling import Reference, make_photos, picture, save, table
from PIL import Image, ImageOps
from serving import Client, opened, pixels_of, rows_of, serving, told

from swsss.data.dataset import open_dataset
from swsss.data.tags import write_tags
from swsss.serve.records import Failed, Labelled
from swsss.serve.server.jobs.index import Index
from swsss.serve.server.jobs.pictures import Recent

PHOTOS = 12


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Photos, one of them damaged, one turned; not to be changed."""
    root = make_photos(tmp_path_factory.mktemp("photos"), PHOTOS)
    (root / "images" / "broken.jpg").write_bytes(b"no image")
    exif = Image.Exif()
    exif[0x0112] = 6
    save(root / "images" / "turned.png", picture(77, 40, 60), exif=exif.tobytes())
    with (root / "tags.csv").open("a") as file:
        file.write("broken.jpg,cat\nturned.png,cat;dog\n")
    return root


@pytest.fixture(scope="module")
def reference(model_file):
    return Reference(model_file)


@pytest.fixture(scope="module")
def server(model_file, photos, tmp_path_factory):
    with serving(model_file, tmp_path_factory.mktemp("data"), root=photos) as client:
        yield client


@pytest.fixture(scope="module")
def looked_at(server):
    """A job that no test changes."""
    return server.done()


@pytest.fixture
def job(server):
    """A job to be corrected."""
    return server.done()


def upright(photos, name):
    with Image.open(photos / "images" / name) as image:
        return np.asarray(ImageOps.exif_transpose(image))


def ids_of(mask):
    raw = zlib.decompress(base64.b64decode(mask["ids"]))
    return np.frombuffer(raw, np.uint8).reshape(mask["height"], mask["width"])


def numbers(server, job_id):
    return {item["image"]: item["number"] for item in server.items(job_id)}


def change(server, job_id, number, **what):
    answer = server.patch(f"/v1/jobs/{job_id}/images/{number}", json=what)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_images__as_the_manifest(server, looked_at, model_file):
    manifest = server.archive(f"/v1/jobs/{looked_at}/result.zip")["manifest.csv"]
    names = [one["name"] for one in server.job(looked_at)["classes"]]
    items = {item["image"]: item for item in server.items(looked_at, show="labelled")}
    rows = rows_of(manifest)
    assert [row["image"] for row in rows] == list(items)
    for row in rows:
        item = items[row["image"]]
        assert (item["width"], item["height"]) == (int(row["width"]), int(row["height"]))
        for field in ("tags", "found", "not_found"):
            assert ";".join(names[index] for index in item[field]) == row[field]
        assert item["original_tags"] == item["tags"]
        assert item["confidence"] == float(row["confidence"])
        assert ";".join(f"{names[int(index)]}={count}" for index, count in item["pixels"].items()) == row["pixels"]
        assert (item["state"], item["verdict"], item["changed"]) == ("labelled", "", False)
    (failed,) = server.items(looked_at, show="failed")
    assert (failed["image"], failed["state"], failed["stage"]) == ("broken.jpg", "failed", "decode")
    assert "cannot be read as an image" in failed["reason"]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", ["name", "confidence", "not_found"])
@pytest.mark.parametrize(
    "query", [{}, {"class": 1}, {"show": "tag_without_pixels"}, {"search": "SUB/"}, {"show": "failed"}]
)
def test_images__sorted_and_filtered(server, looked_at, query, sort, order):
    everything = server.items(looked_at, limit=500)
    chosen = [
        item
        for item in everything
        if (query.get("class") is None or query["class"] in item["found"])
        and (query.get("show") != "tag_without_pixels" or item["not_found"])
        and (query.get("show") != "failed" or item["state"] == "failed")
        and query.get("search", "").lower() in item["image"]
    ]
    field = {"name": lambda item: item["image"], "confidence": lambda item: item["confidence"]}
    by = field.get(sort, lambda item: len(item["not_found"]))
    chosen.sort(key=lambda item: item["image"])
    chosen.sort(key=by, reverse=order == "desc")
    paged = []
    while len(page := server.items(looked_at, sort=sort, order=order, offset=len(paged), limit=3, **query)):
        paged += page
    assert [item["image"] for item in paged] == [item["image"] for item in chosen]
    assert server.get(f"/v1/jobs/{looked_at}/images", params=query).json()["total"] == len(chosen)


def test_image__mask_and_pictures(server, looked_at, photos, reference):
    rows = {row["image"]: tuple(filter(None, row["labels"].split(";"))) for row in table(photos / "tags.csv")}
    for name, number in numbers(server, looked_at).items():
        address = f"/v1/jobs/{looked_at}/images/{number}"
        if name == "broken.jpg":
            assert "broken.jpg could not be labelled" in told(server.get(f"{address}/mask.json"), 409)
            assert "cannot be read" in told(server.get(f"{address}/picture"), 422)
            continue
        image = upright(photos, name)
        expected, _ = reference(image, rows[name])
        np.testing.assert_array_equal(ids_of(server.get(f"{address}/mask.json").json()), expected)
        stored = pixels_of(server.get(f"{address}/mask.png").content)
        np.testing.assert_array_equal(np.rot90(stored, -1) if name == "turned.png" else stored, expected)
        for part in ("picture", "thumbnail"):
            answer = server.get(f"{address}/{part}")
            assert answer.headers["content-type"] == "image/jpeg"
            shown = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR_RGB)
            assert shown.shape == image.shape
        picture_error = np.abs(
            cv2.imdecode(
                np.frombuffer(server.get(f"{address}/picture").content, np.uint8), cv2.IMREAD_COLOR_RGB
            ).astype(int)
            - image
        )
        assert picture_error.mean() < 6


def test_image__other_tags(server, job, photos, reference):
    """The mask follows, is kept, and goes back."""
    number = numbers(server, job)["00.jpg"]
    address = f"/v1/jobs/{job}/images/{number}"
    before = server.get(address).json()
    image = upright(photos, "00.jpg")
    for tags, names in [([2, 4], ("dog", "person")), ([], ()), ([4, 1, 4], ("cat", "person"))]:
        answer = change(server, job, number, tags=tags)
        expected, confidence = reference(image, names)
        np.testing.assert_array_equal(ids_of(answer["mask"]), expected)
        np.testing.assert_array_equal(ids_of(server.get(f"{address}/mask.json").json()), expected)
        item = answer["item"]
        assert item == server.get(address).json()
        assert (item["tags"], item["original_tags"], item["changed"]) == (sorted(set(tags)), before["tags"], True)
        assert item["found"] == [index for index in np.unique(expected).tolist() if index]
        assert item["confidence"] == pytest.approx(confidence.mean() / 255, abs=1e-4)
        assert server.job(job)["review"]["changed"] == 1
        assert [found["image"] for found in server.items(job, show="changed")] == ["00.jpg"]
    back = change(server, job, number, tags=before["tags"])["item"]
    assert back["changed"] is False
    assert back["version"] > before["version"]
    assert back == before | {"version": back["version"], "revision": back["revision"]}
    assert server.job(job)["review"]["changed"] == 0


def test_image__every_class_again(server, photos, reference):
    job = server.done(labels=None, untagged="all")
    number = numbers(server, job)["00.jpg"]
    before = server.get(f"/v1/jobs/{job}/images/{number}").json()
    assert before["tags"] is None
    assert change(server, job, number, tags=[1])["item"]["changed"] is True
    back = change(server, job, number, tags=None)
    expected, _ = reference(upright(photos, "00.jpg"), None)
    np.testing.assert_array_equal(ids_of(back["mask"]), expected)
    assert back["item"] == before | {"version": back["item"]["version"], "revision": back["item"]["revision"]}
    assert rows_of(server.get(f"/v1/jobs/{job}/tags.csv").content) == []  # tags.csv has no word for "any"
    change(server, job, number, tags=[1, 2])
    assert rows_of(server.get(f"/v1/jobs/{job}/tags.csv").content) == [{"image": "00.jpg", "labels": "cat;dog"}]


def test_image__last_of_many_tags_stays(server, job, photos, reference):
    number = numbers(server, job)["01.png"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda tags: change(server, job, number, tags=tags), [[1], [2], [1, 2], [4], [1, 4]] * 4)
        )
    last = max((answer["item"] for answer in answers), key=lambda item: item["version"])
    assert server.get(f"/v1/jobs/{job}/images/{number}").json() == last
    names = tuple(("cat", "dog", "polar bear", "person")[index - 1] for index in last["tags"])
    expected, _ = reference(upright(photos, "01.png"), names)
    np.testing.assert_array_equal(ids_of(server.get(f"/v1/jobs/{job}/images/{number}/mask.json").json()), expected)


def test_image__one_revision_at_a_time(server, job):
    """Who looked at an older one is told the newer, and nothing is undone."""
    number = numbers(server, job)["00.jpg"]
    address = f"/v1/jobs/{job}/images/{number}"
    seen = server.get(address)
    assert seen.headers["etag"] == f'"{seen.json()["revision"]}"'
    old = {"If-Match": seen.headers["etag"]}
    for tag in (seen.headers["etag"], f"W/{seen.headers['etag']}", f'"x", {seen.headers["etag"]}', "*"):
        again = server.get(address, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", seen.headers["etag"])
    first = server.patch(address, json={"tags": [2], "verdict": "accepted"}, headers=old)
    assert first.status_code == 200
    kept = server.get(address, headers={"If-None-Match": seen.headers["etag"]})
    assert kept.json() == first.json()["item"]
    assert kept.headers["etag"] == first.headers["etag"] != seen.headers["etag"]
    for what in ({"tags": [1], "verdict": "flagged"}, {"verdict": "rejected"}, {"tags": [2]}, {}):
        for tag in (old["If-Match"], "nonsense", '"x"', '"-1"', ""):
            refused = server.patch(address, json=what, headers={"If-Match": tag})
            assert (refused.status_code, refused.headers["etag"]) == (409, kept.headers["etag"])
            assert refused.headers["content-type"] == "application/problem+json"
            assert refused.json()["item"] == kept.json()
    assert server.get(address).json() == kept.json()
    for tag in (kept.headers["etag"], f"W/{kept.headers['etag']}", "*"):
        assert server.patch(address, json={"verdict": "accepted"}, headers={"If-Match": tag}).status_code == 200


def test_image__one_of_many_wins(server, job, photos, reference):
    """Eight label the same revision again at once: one is kept, with its mask and its verdict."""
    number = numbers(server, job)["03.png"]
    address = f"/v1/jobs/{job}/images/{number}"
    tag = server.get(address).headers["etag"]
    wanted = [[1], [2], [4], [1, 4]] * 2

    def ask(place):
        what = {"tags": wanted[place], "verdict": ["accepted", "rejected"][place // 4]}
        return server.patch(address, json=what, headers={"If-Match": tag})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    (won,) = [place for place, answer in enumerate(answers) if answer.status_code == 200]
    item = server.get(address).json()
    assert item == answers[won].json()["item"]
    assert (item["tags"], item["verdict"]) == (wanted[won], ["accepted", "rejected"][won // 4])
    expected, _ = reference(
        upright(photos, "03.png"), tuple(("cat", "dog", "polar bear", "person")[index - 1] for index in wanted[won])
    )
    np.testing.assert_array_equal(ids_of(server.get(f"{address}/mask.json").json()), expected)


def test_image__only_the_fields_sent(server, job):
    """Without a revision: what the other one said stays, unless it was about a mask that is gone."""
    number = numbers(server, job)["00.jpg"]
    tags = change(server, job, number, tags=[2])["item"]["tags"]
    assert change(server, job, number, verdict="accepted")["item"]["tags"] == tags
    same = change(server, job, number, tags=[2])
    assert same["item"]["verdict"] == "accepted", "the mask is the same"
    assert ids_of(same["mask"]).shape
    assert change(server, job, number, tags=[1])["item"]["verdict"] == ""
    assert change(server, job, number, tags=[2], verdict="flagged")["item"]["verdict"] == "flagged"
    assert change(server, job, number)["item"]["verdict"] == "flagged"


def test_image__told_to_others(model_file, photos, tmp_path):
    with opened(model_file, tmp_path / "data", root=photos) as running, Client(running.address) as server:
        job = server.done()
        number = numbers(server, job)["00.jpg"]
        told_of = []
        running.server.config.app.state.parts.desk.events.changed = lambda *what: told_of.append(what)
        change(server, job, number, tags=[2])
        change(server, job, number, verdict="accepted")
        change(server, job, number, verdict="accepted")
        assert told_of == [(job, number)] * 2


@pytest.mark.parametrize("fails", ["write", "note"])
def test_image__mask_and_row_fit_when_the_disk_fails(server, job, monkeypatch, fails):
    number = numbers(server, job)["00.jpg"]
    address = f"/v1/jobs/{job}/images/{number}"
    change(server, job, number, tags=[2], verdict="accepted")
    before, mask = server.get(address).json(), server.get(f"{address}/mask.png").content

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        if fails == "write":
            patch.setattr("swsss.serve.server.jobs.corrections.write_whole", full)
        else:
            patch.setattr(Index, "correct", full)
        assert server.patch(address, json={"tags": [1, 4]}).status_code == 507
    assert (server.get(address).json(), server.get(f"{address}/mask.png").content) == (before, mask)


def test_run__verdicts_belong_to_masks(model_file, photos, tmp_path):
    """The same masks again: nothing changes. Others: what was said of the old ones goes; other tags stay."""
    with opened(model_file, tmp_path / "data", root=photos) as running, Client(running.address) as server:
        desk = running.server.config.app.state.parts.desk
        job = server.done()
        found = numbers(server, job)
        change(server, job, found["00.jpg"], tags=[2], verdict="accepted")
        for name in ("01.png", "03.png"):
            change(server, job, found[name], verdict="accepted")
        before = {item["image"]: item for item in server.items(job)}

        def again(**options):
            current = desk.get(job)
            desk.runner.put(current.now(state="queued", wishes=current.wishes.model_copy(update=options)))
            server.ended(job)
            return {item["image"]: item for item in server.items(job)}

        assert again() == before
        assert again(confidence=True) == before, "the masks are the same"
        after = again(ignore_below=0.9)
        assert after["00.jpg"] == before["00.jpg"]
        assert {item["verdict"] for name, item in after.items() if name != "00.jpg"} == {""}
        assert after["01.png"]["version"] > before["01.png"]["version"]
        assert numbers(server, job) == found


def test_run__images_that_do_not_belong_any_more(model_file, photos, tmp_path):
    root = shutil.copytree(photos, tmp_path / "root")
    with opened(model_file, tmp_path / "data", root=root) as running, Client(running.address) as server:
        desk = running.server.config.app.state.parts.desk
        job = server.done()
        change(server, job, numbers(server, job)["00.jpg"], verdict="accepted")
        (root / "tags.csv").write_text("image,labels\n01.png,cat;dog;person\n")
        desk.runner.put(desk.get(job).now(state="queued"))
        server.ended(job)
        assert list(numbers(server, job)) == ["01.png"]
        content = server.archive(f"/v1/jobs/{job}/result.zip")
        assert [name for name in content if name.startswith("masks/")] == ["masks/01.png"]


def test_run__journal_that_is_damaged(model_file, photos, tmp_path):
    """The job says which file it is; the index, and what people said, stay."""
    with opened(model_file, tmp_path / "data", root=photos) as running, Client(running.address) as server:
        desk = running.server.config.app.state.parts.desk
        job = server.done()
        change(server, job, numbers(server, job)["00.jpg"], verdict="accepted")
        before = server.items(job)
        path = desk.files.folder_of(job) / "labels" / "journal.sqlite"
        with sqlite3.connect(path) as database:
            database.execute("UPDATE labelled SET pixels = 'no JSON', tags = 'no JSON'")
        database.close()
        desk.runner.put(desk.get(job).now(state="queued"))
        server.when(job, lambda job: job["state"] in {"failed", "done"})
        assert server.items(job) == before


def test_pictures__too_large(model_file, photos, tmp_path):
    """Refused by their headers: a job may have been made when more was allowed."""
    with serving(model_file, tmp_path / "data", root=photos) as server:
        job = server.done()
    with serving(model_file, tmp_path / "data", root=photos, pixels=1000) as server:
        address = f"/v1/jobs/{job}/images/{numbers(server, job)['00.jpg']}"
        for part in ("picture", "thumbnail", "mask.json"):
            assert "1000" in told(server.get(f"{address}/{part}"), 422)
        assert server.get(f"{address}/mask.png").status_code == 200


def test_recent__by_bytes():
    recent = Recent[int, bytes](10, len)
    for key, size in [(1, 4), (2, 4), (3, 4), (4, 11), (3, 5)]:
        recent.put(key, bytes(size))
    assert [key for key in range(5) if recent.get(key) is not None] == [2, 3]
    recent.put(2, bytes(6))
    assert [key for key in range(5) if recent.get(key) is not None] == [2]


@pytest.mark.parametrize(
    ("name", "what", "status", "sentence"),
    [
        ("00.jpg", {"tags": [9]}, 422, "The tag 9 is no class; tags are ids from 1 to 4."),
        ("00.jpg", {"tags": [0]}, 422, "The tag 0 is no class"),
        ("00.jpg", {"verdict": "good"}, 422, "verdict: input should be '', 'accepted', 'rejected' or 'flagged'."),
        ("00.jpg", {"mask": 1}, 422, "mask: extra inputs are not permitted."),
        ("broken.jpg", {"tags": [1]}, 409, "broken.jpg could not be labelled"),
    ],
)
def test_image__wrong_change(server, looked_at, name, what, status, sentence):
    number = numbers(server, looked_at)[name]
    assert sentence in told(server.patch(f"/v1/jobs/{looked_at}/images/{number}", json=what), status)


def test_image__no_such(server, looked_at):
    assert "no image number 4711" in told(server.get(f"/v1/jobs/{looked_at}/images/4711"), 404)


def test_review__taken_away(server, job, photos, reference, tmp_path):
    """Corrected tags, and accepted masks as a dataset directory that swsss-train takes."""
    found = numbers(server, job)
    change(server, job, found["00.jpg"], tags=[2], verdict="accepted")
    change(server, job, found["01.png"], verdict="accepted")
    change(server, job, found["turned.png"], verdict="accepted")
    change(server, job, found["03.png"], verdict="rejected")
    change(server, job, found["04.jpg"], tags=[], verdict="flagged")
    assert server.job(job)["review"] == {"accepted": 3, "rejected": 1, "flagged": 1, "changed": 2}
    for show, images in {
        "accepted": ["00.jpg", "01.png", "turned.png"],
        "rejected": ["03.png"],
        "flagged": ["04.jpg"],
    }.items():
        assert [item["image"] for item in server.items(job, show=show)] == images
    before = {row["image"]: row["labels"] for row in table(photos / "tags.csv")}
    tags = {row["image"]: row["labels"] for row in rows_of(server.get(f"/v1/jobs/{job}/tags.csv").content)}
    assert tags.keys() == before.keys()
    assert {
        name: labels for name, labels in tags.items() if set(labels.split(";")) != set(before[name].split(";"))
    } == {
        "00.jpg": "dog",
        "04.jpg": "",
    }
    data = tmp_path / "data"
    shutil.copytree(photos / "images", data / "images")
    (data / "images" / "broken.jpg").unlink()
    for name, content in server.archive(f"/v1/jobs/{job}/accepted.zip").items():
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    write_tags(data / "tags.csv", [(name, labels.split(";")) for name, labels in tags.items() if name != "broken.jpg"])
    dataset = open_dataset(data)
    assert (data / "splits" / "accepted.txt").read_text().split() == ["00", "01", "turned"]
    expected, _ = reference(upright(photos, "00.jpg"), ("dog",))
    np.testing.assert_array_equal(pixels_of((data / "masks" / "00.png").read_bytes()), expected)
    assert sorted(path.name for path in (data / "masks").iterdir()) == ["00.png", "01.png", "turned.png"]
    assert tuple(dataset.classes.names) == ("background", "cat", "dog", "polar bear", "person")


def test_review__tags_changed_meanwhile(model_file, photos, tmp_path):
    root = shutil.copytree(photos, tmp_path / "root")
    with serving(model_file, tmp_path / "data", root=root) as server:
        job = server.done()
        (root / "tags.csv").write_text("image,labels\n00.jpg,dgo\n")
        sentence = told(server.get(f"/v1/jobs/{job}/tags.csv"), 422)
        assert "tags.csv, line 2: unknown class 'dgo'; did you mean 'dog'?" in sentence
        assert str(tmp_path) not in sentence


def test_review__survives_a_restart_and_a_new_run(model_file, photos, tmp_path):
    with serving(model_file, tmp_path / "data", root=photos) as server:
        job = server.done()
        number = numbers(server, job)["00.jpg"]
        changed = change(server, job, number, tags=[2, 4], verdict="accepted")["item"]
    with opened(model_file, tmp_path / "data", root=photos) as running, Client(running.address) as server:
        assert server.get(f"/v1/jobs/{job}/images/{number}").json() == changed
        desk = running.server.config.app.state.parts.desk
        desk.runner.put(desk.get(job).now(state="queued"))
        server.ended(job)
        assert server.get(f"/v1/jobs/{job}/images/{number}").json() == changed


def test_index__many_images(tmp_path):
    """100 000 images: pages of any order are those that sorting in Python gives."""
    index, generator = Index(tmp_path / "index.sqlite"), np.random.default_rng(3)
    confidence = np.round(generator.random(100_000), 4)
    index.add(
        Labelled(
            f"{number:06}.jpg",
            f"{number:06}.png",
            10,
            10,
            (1, 2),
            {0: 50, 1 + number % 2: 50},
            {},
            float(confidence[number]),
        )
        for number in range(100_000)
    )
    index.add([Failed("999999.jpg", "decode", "It is damaged.")])
    from swsss.serve.server.jobs.rows import Query

    total, page = index.items(Query(sort="confidence", show="labelled", offset=50_000, limit=100))
    order = np.lexsort((np.arange(100_000), confidence))
    assert total == 100_000
    assert [item.image for item in page] == [f"{number:06}.jpg" for number in order[50_000:50_100]]
    total, page = index.items(Query(**{"class": 2}, order="desc", limit=2))
    assert (total, [item.image for item in page]) == (50_000, ["099999.jpg", "099997.jpg"])


def test_picture__large_image_is_reduced(model_file, tmp_path):
    root = make_photos(tmp_path, 1)
    large = save(root / "images" / "large.jpg", picture(5, 1100, 3000))
    write_tags(root / "tags.csv", [("large.jpg", ["cat"])])
    with serving(model_file, tmp_path / "data", root=root) as server:
        job = server.done()
        (item,) = server.items(job)
        answer = server.get(f"/v1/jobs/{job}/images/{item['number']}/picture")
        with Image.open(io.BytesIO(answer.content)) as image, Image.open(large) as original:
            assert image.size == (2048, 751)
            assert original.size == (item["width"], item["height"])
