"""The routes of a Label Studio ML backend, read with Label Studio's own SDK."""

import asyncio
import base64
import io
import logging

import httpx
import numpy as np
import pytest
from apps import listening
from fastapi import FastAPI, HTTPException
from label_studio_sdk.converter import brush
from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.label_interface.objects import PredictionValue
from labelling import Reference, picture
from models import CLASSES
from PIL import Image, ImageOps
from serving import serving, told

from swsss.data.images import decode_image, orient
from swsss.errors import UserError
from swsss.serve.engines.onnx import OnnxEngine
from swsss.serve.server.protocols.label_studio import label_studio_router
from swsss.serve.writer import describe


def interface(labels=CLASSES.names[1:]):
    inside = "".join(f'<Label value="{name}"/>' for name in labels)
    return (
        '<View><Header value="Paint"/><Image name="photo" value="$image"/>'
        '<Choices name="quality" toName="photo"><Choice value="good"/></Choices>'
        f'<BrushLabels name="tag" toName="photo">{inside}</BrushLabels></View>'
    )


class Backend:
    """One model, and images by address."""

    def __init__(self, path) -> None:
        self.engine = OnnxEngine(path, "cpu", 1)
        self.images: dict[str, bytes] = {}
        self.asked: list[object] = []
        self.ready = True

    def models(self):
        return {"small": self.engine.info} if self.ready else {}

    def default(self):
        return "small" if self.ready else ""

    def identity(self, model):
        return self.engine.identity

    async def label_bytes(self, model, data, name, tags):
        self.asked.append(tags)
        pixels, orientation = decode_image(data, name)
        ids = None if tags is None else tuple(sorted(CLASSES.ids[tag] for tag in tags))
        candidates = np.array([range(len(CLASSES)) if ids is None else (0, *ids)], np.int64)
        masks, confidences = await asyncio.to_thread(self.engine.label, orient(pixels, orientation)[None], candidates)
        return describe(name, "", ids, masks[0], confidences[0]), masks[0]

    async def fetch(self, address):
        if address == "/busy":
            raise HTTPException(503, "All places are taken.", {"Retry-After": "3"})
        if address not in self.images:
            raise UserError(f"{address} is not there.")
        return self.images[address]


@pytest.fixture(scope="module")
def backend(model_file):
    backend = Backend(model_file)
    for seed in range(4):
        backend.images[f"/data/{seed}.png"] = png(picture(seed))
    return backend


@pytest.fixture(scope="module")
def client(backend):
    async def read_body(request):
        return await request.body()

    app = FastAPI()
    app.include_router(label_studio_router(backend, read_body, backend.fetch))
    with listening(app) as address, httpx.Client(base_url=f"http://{address}", timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def reference(model_file):
    return Reference(model_file)


def png(pixels, kind="PNG", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def task(number, **data):
    return {"id": number, "data": {"image": f"/data/{number}.png"} | data, "project": 1, "meta": {}}


def predict(client, *tasks, config=None) -> httpx.Response:
    """What `MLApi.make_predictions` of Label Studio sends."""
    body = {
        "tasks": list(tasks),
        "model_version": "old",
        "project": "1.1700000000",
        "label_config": interface() if config is None else config,
        "params": {"login": None, "password": None, "context": None},
    }
    return client.post("/predict", json=body)


def stored(tasks, answer: httpx.Response) -> dict[int, list[dict]]:
    """The predictions that `MLBackend._get_predictions_from_ml_backend` of Label Studio keeps, by task."""
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert len(results) == len(tasks)
    return {
        task["id"]: [one for one in ([result] if isinstance(result, dict) else result) if "result" in one]
        for task, result in zip(tasks, results, strict=True)
    }


def painted(prediction, shape) -> np.ndarray:
    """The mask of a prediction, decoded by the SDK: uint8 [H, W]."""
    mask = np.zeros(shape, np.uint8)
    for region in prediction["result"]:
        assert (region["original_height"], region["original_width"]) == shape
        (name,) = region["value"]["brushlabels"]
        inside = brush.decode_rle(region["value"]["rle"]).reshape(*shape, 4)[..., 3]
        mask[inside == 255] = CLASSES.ids[name]
    return mask


def refused(answer: httpx.Response, sentence: str, status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    assert sentence in answer.json()["detail"]
    assert len(answer.json()["detail"]) < 400


def test_connecting(client, backend):
    """As `MLBackend.update_state` of Label Studio does."""
    assert client.get("/health").json()["status"] == "UP"
    version = f"small-{backend.engine.identity[:12]}"
    setup = {
        "project": "1.17",
        "schema": interface(),
        "hostname": "http://x",
        "access_token": "t",
        "extra_params": None,
    }
    assert client.post("/setup", json=setup).json() == {"model_version": version}
    assert client.get("/versions").json() == {"versions": [version]}


@pytest.mark.parametrize("schema", ["<View/>", "", None])
def test_connecting__before_there_is_an_interface(client, schema, caplog):
    assert client.post("/setup", json={"project": "1.17", "schema": schema}).status_code == 200
    assert "has no BrushLabels for an Image" in caplog.text


def test_webhook(client):
    assert client.post("/webhook", json={"action": "ANNOTATION_CREATED"}).json() == {"status": "ignored"}
    assert client.post("/webhook", content=b"\xff").status_code == 200


def test_predict__masks_as_onnx_runtime_gives_them(client, reference, backend):
    tags = {0: ["cat"], 1: ["dog", "person"], 2: None, 3: []}
    tasks = [task(number, **({} if names is None else {"tags": names})) for number, names in tags.items()]
    found = stored(tasks, predict(client, *tasks))
    ids = []
    for number, names in tags.items():
        (prediction,) = found[number]
        expected, confidence = reference(picture(number), names if names is None else tuple(names))
        np.testing.assert_array_equal(painted(prediction, expected.shape), expected)
        assert prediction["score"] == pytest.approx(confidence.mean() / 255, abs=1e-4)
        assert prediction["model_version"] == f"small-{backend.engine.identity[:12]}"
        for region in prediction["result"]:
            inside = expected == CLASSES.ids[region["value"]["brushlabels"][0]]
            assert region["score"] == pytest.approx(confidence[inside].mean() / 255, abs=1e-4)
            assert (region["from_name"], region["to_name"]) == ("tag", "photo")
            ids.append(region["id"])
    assert len(set(ids)) == len(ids) > 4
    assert found[3][0]["result"] == []


def test_predict__accepted_by_the_interface(client):
    tasks = [task(number) for number in range(4)]
    sdk = LabelInterface(interface())
    for (prediction,) in stored(tasks, predict(client, *tasks)).values():
        assert prediction["result"]
        assert sdk.validate_prediction(prediction, return_errors=True) == []
        assert PredictionValue.model_validate(prediction).score == prediction["score"]


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [3, 6, 7])
def test_predict__as_the_page_shows_the_image(client, reference, backend, kind, orientation):
    """Browsers turn images by their EXIF orientation, and Label Studio takes their size from the browser."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    backend.images["/turned"] = png(picture(1), kind, exif=exif, lossless=True)
    shown = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(backend.images["/turned"]))))
    (prediction,) = stored([{"id": 1}], predict(client, task(1, image="/turned")))[1]
    expected, _ = reference(shown, None)
    assert prediction["result"]
    np.testing.assert_array_equal(painted(prediction, shown.shape[:2]), expected)


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, None),
        ({"data": {"image": "/data/0.png", "tags": "cat;polar bear"}}, ("cat", "polar bear")),
        ({"annotations": [{"result": [{"type": "choices", "value": {"choices": ["dog"]}}]}]}, ("dog",)),
        ({"annotations": None, "predictions": [7]}, None),
    ],
)
def test_predict__tags(client, backend, given, asked):
    assert predict(client, task(0) | given).status_code == 200
    assert backend.asked[-1] == asked


def test_predict__classes_without_a_label_are_left_out(client, reference, caplog):
    (prediction,) = stored([{"id": 0}], predict(client, task(0), config=interface(("Cow", "dog"))))[0]
    expected, _ = reference(picture(0), None)
    assert (expected == CLASSES.ids["dog"]).any()
    assert len(np.unique(expected)) > 2
    np.testing.assert_array_equal(painted(prediction, expected.shape), np.where(expected == 2, 2, 0))
    assert "left out: cat, polar bear, person" in caplog.text


def test_predict__names_of_the_interface(client):
    config = (
        '<?xml version="1.0" encoding="UTF-16"?><!-- ü --><view><image name="a" value="$scan"/>'
        '<Image name="b" value="$x"/><BrushLabels name="other" toName="text"/><brushlabels name="paint" toName="a">'
        '<label value="Katze" alias="cat"/><Label value="dog"/></brushlabels></view>'
    )
    given = {"id": 1, "data": {"scan": "/data/0.png"}}
    (prediction,) = stored([given], predict(client, given, config=config))[1]
    assert {(region["from_name"], region["to_name"]) for region in prediction["result"]} == {("paint", "a")}
    assert {region["value"]["brushlabels"][0] for region in prediction["result"]} <= {"Katze", "dog"}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"image": "/missing.png"}, "/missing.png is not there."),
        ({"image": "/data/broken"}, "its image cannot be read as an image"),
        ({"image": None}, "it has no 'image', where the labelling interface looks for the image."),
        ({"image": ["/data/0.png"]}, "it has no 'image'"),
        ({"tags": ["catt"]}, "'tags' holds the unknown class 'catt'; did you mean 'cat'?"),
        ({"tags": "cat;zebra"}, "unknown class 'zebra'"),
        ({"tags": 7}, "'tags' must be a list of classes"),
        ({"labels": [7]}, "'labels' holds something that is no name"),
        ({"labels": [{"name": "cat"}]}, "'labels' holds something that is no name"),
    ],
)
def test_predict__a_task_that_fails_alone(client, backend, wrong, sentence, caplog):
    """It gets no prediction in Label Studio, so that it is asked for again; the others get theirs."""
    backend.images["/data/broken"] = b"\x89PNG nothing"
    tasks = [task(0), task(1, **wrong), task(2)]
    found = stored(tasks, predict(client, *tasks))
    assert [len(found[number]) for number in range(3)] == [1, 0, 1]
    assert "Task 1 could not be labelled: " in caplog.text
    assert sentence in caplog.text
    assert all(record.levelno == logging.WARNING for record in caplog.records if "swsss" in record.name)
    refused(predict(client, tasks[1]), sentence, 422)


def test_predict__more_tasks_than_are_worked_on_together(client):
    tasks = [task(number) | {"data": {"image": f"/data/{number % 5}.png"}} for number in range(30)]
    found = stored(tasks, predict(client, *tasks))
    assert [len(found[number]) for number in range(30)] == [1, 1, 1, 1, 0] * 6
    assert stored([], predict(client)) == {}


def test_predict__a_full_server_is_told_as_such(client):
    answer = predict(client, task(0), task(1, image="/busy"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><View>&b;</View>'


@pytest.mark.parametrize(
    ("config", "sentence"),
    [(BOMB, "has a DOCTYPE"), ("", "is not well-formed XML"), ("<View/>", "has no BrushLabels for an Image")],
)
def test_predict__interface_that_cannot_be_used(client, config, sentence):
    refused(predict(client, task(0), config=config), sentence)


@pytest.mark.parametrize("schema", [BOMB, "<View>"])
def test_setup__interface_that_cannot_be_read(client, schema):
    refused(client.post("/setup", json={"project": "1.17", "schema": schema}), "The labelling interface ")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b"{}",
        b'{"tasks": {}, "label_config": ""}',
        b'{"tasks": [7], "label_config": ""}',
        b'{"tasks": [{"id": 1}], "label_config": ""}',
        b'{"tasks": [{"id": 1, "data": []}], "label_config": ""}',
        b'{"tasks": [{"id": [], "data": {}}], "label_config": ""}',
        b'{"tasks": [], "label_config": 1}',
        b'{"tasks": [], "label_config": "\\ud800"}',
    ],
)
def test_predict__malformed_body(client, body):
    refused(client.post("/predict", content=body), "The JSON is wrong")


def test_setup__malformed_body(client):
    refused(client.post("/setup", content=b'{"schema": 7}'), "The JSON is wrong at schema")


def test_no_model_ready(client, backend, monkeypatch):
    monkeypatch.setattr(backend, "ready", False)
    assert client.get("/health").status_code == 200
    for answer in [client.post("/setup", json={}), predict(client, task(0)), client.get("/versions")]:
        refused(answer, "No model is ready", 503)
        assert "Retry-After" in answer.headers


def test_openapi__examples_run(client, backend):
    paths = client.get("/openapi.json").json()["paths"]
    for path in ["/setup", "/predict", "/webhook"]:
        example = paths[path]["post"]["requestBody"]["content"]["application/json"]["example"]
        for given in example.get("tasks", []):
            address = given["data"]["image"]
            backend.images[address] = base64.b64decode(address.partition(",")[2])
        assert client.post(path, json=example).status_code == 200


def test_whole_server(model_file, reference, tmp_path):
    """The same, and the server as people start it; images inside the tasks."""
    pixels = [picture(seed) for seed in range(3)]
    addresses = [f"data:image/png;base64,{base64.b64encode(png(one)).decode()}" for one in pixels]
    tasks = [task(number, image=address, tags="cat;person") for number, address in enumerate(addresses)]
    with serving(model_file, tmp_path) as client:
        setup = client.post("/setup", json={"project": "1.17", "schema": interface()})
        assert client.get("/health").json()["status"] == "UP"
        found = stored([*tasks, {"id": 3}], predict(client, *tasks, task(3, image="http://127.0.0.1:1/x.png")))
        for number, one in enumerate(pixels):
            (prediction,) = found[number]
            expected, _ = reference(one, ("cat", "person"))
            np.testing.assert_array_equal(painted(prediction, expected.shape), expected)
            assert prediction["model_version"] == setup.json()["model_version"]
        assert found[3] == []
        assert "has a DOCTYPE" in told(predict(client, tasks[0], config=BOMB), 400)
        assert "is not the address of an image" in told(predict(client, task(1, image="http://[")), 422)
