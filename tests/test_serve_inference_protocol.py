"""The Open Inference Protocol, as NVIDIA's own client speaks it, and what is wrong with requests told in sentences."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from apps import listening
from fastapi import FastAPI, HTTPException, Request
from labelling import Reference, picture
from serving import serving
from tritonclient.utils import InferenceServerException

from swsss.errors import UserError
from swsss.export.exporting import ExportOptions, export_onnx
from swsss.export.source import load_source
from swsss.serve.engines.onnx import OnnxEngine
from swsss.serve.server.protocols.inference_protocol import inference_router
from swsss.serve.server.statistics import Statistics

LIMIT = 1 << 20
TAGS = (("cat",), ("dog", "person"), ())
IMAGES = np.stack([picture(seed) for seed in range(3)])
CANDIDATES = np.array([[0, 1, -1], [0, 2, 4], [0, -1, -1]], np.int64)


class Models:
    """The models of a server: `small` is conditioned, `full` is plain, `resting` is known but not loaded."""

    def __init__(self, engines: dict[str, OnnxEngine]) -> None:
        self.engines = engines
        self.resting = {"resting": "unloaded"}
        self.asked: list[np.ndarray] = []
        self.figures = {name: Statistics() for name in engines}

    def models(self):
        return {name: engine.info for name, engine in self.engines.items() if name not in self.resting}

    def index(self):
        names = sorted({*self.engines, *self.resting})
        return [(name, name not in self.resting, self.resting.get(name, "")) for name in names]

    async def infer(self, model, images, candidates):
        self.asked.append(candidates)
        with self.figures[model].request(len(images)):
            answer = await asyncio.to_thread(self.engines[model].label, images, candidates)
        self.figures[model].executed([0.001], 0.002)
        return answer

    def statistics(self, model):
        return self.figures[model]

    async def load(self, name):
        if name not in self.engines:
            raise UserError(f"There is no model '{name}' to load.")
        self.resting.pop(name, None)

    async def unload(self, name):
        if name not in self.engines:
            raise UserError(f"There is no model '{name}' to unload.")
        self.resting[name] = "unloaded"


async def read_body(request: Request) -> bytes:
    body = await request.body()
    if len(body) > LIMIT:
        raise HTTPException(413, f"The body has {len(body)} bytes; send at most {LIMIT}.")
    return body


@pytest.fixture(scope="module")
def plain_file(checkpoint_file, tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "plain.onnx"
    export_onnx(load_source(checkpoint_file), path, ExportOptions(plain=True))
    return path


@pytest.fixture(scope="module")
def models(model_file, plain_file) -> Models:
    return Models({"small": OnnxEngine(model_file, "cpu", 1), "full": OnnxEngine(plain_file, "cpu", 1)})


@pytest.fixture(scope="module")
def address(models) -> Iterator[str]:
    app = FastAPI()
    app.include_router(inference_router(models, read_body, max_bytes=LIMIT))
    with listening(app) as address:
        yield address


@pytest.fixture
def client(address) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(address, concurrency=4) as client:
        yield client


@pytest.fixture(scope="module")
def http(address) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{address}/v2", timeout=60) as client:
        yield client


def tensors(images=IMAGES, candidates=CANDIDATES, binary=True):
    given = [("image", "UINT8", images)] + ([] if candidates is None else [("candidates", "INT64", candidates)])
    inputs = []
    for name, datatype, array in given:
        inputs.append(triton.InferInput(name, array.shape, datatype))
        inputs[-1].set_data_from_numpy(array, binary_data=binary)
    return inputs


def outputs(**binary):
    return [triton.InferRequestedOutput(name, binary_data=value) for name, value in binary.items()]


def expect(model_file, result, tags=TAGS, images=IMAGES):
    reference = Reference(model_file)
    for index, (image, allowed) in enumerate(zip(images, tags, strict=True)):
        mask, confidence = reference(image, allowed)
        np.testing.assert_array_equal(result.as_numpy("mask")[index], mask)
        np.testing.assert_array_equal(result.as_numpy("confidence")[index], confidence)


def test_client__health_and_metadata(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("small")
    assert client.is_model_ready("small", "1")
    assert not client.is_model_ready("small", "2")
    assert not client.is_model_ready("resting")
    assert not client.is_model_ready("nobody")
    assert client.get_server_metadata()["name"] == "swsss"
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    image = {"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}
    candidates = {"name": "candidates", "datatype": "INT64", "shape": [-1, -1]}
    found = client.get_model_metadata("small")
    assert found == client.get_model_metadata("small", "1")
    assert (found["name"], found["versions"], found["inputs"]) == ("small", ["1"], [image, candidates])
    assert [(out["name"], out["datatype"], out["shape"]) for out in found["outputs"]] == [
        ("mask", "UINT8", [-1, -1, -1]),
        ("confidence", "UINT8", [-1, -1, -1]),
    ]
    assert client.get_model_metadata("full")["inputs"] == [image]


def test_client__config(client):
    config = client.get_model_config("small")
    assert (config["name"], config["max_batch_size"]) == ("small", 0)
    assert config["input"] == [
        {"name": "image", "data_type": "TYPE_UINT8", "dims": [-1, -1, -1, 3]},
        {"name": "candidates", "data_type": "TYPE_INT64", "dims": [-1, -1]},
    ]
    assert [tensor["name"] for tensor in config["output"]] == ["mask", "confidence"]


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("wanted", [{}, {"mask": True, "confidence": False}, {"mask": False, "confidence": False}])
def test_client__masks_as_onnx_runtime_gives_them(client, model_file, binary, wanted):
    result = client.infer("small", tensors(binary=binary), outputs=outputs(**wanted), request_id="seven")
    answer = result.get_response()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("seven", "small", "1")
    expect(model_file, result)
    assert len(np.unique(result.as_numpy("mask"))) > 2


def test_client__plain_model(client, plain_file):
    every = (None,) * 3
    result = client.infer("full", tensors(candidates=None), model_version="1")
    expect(plain_file, result, every)
    assert "id" not in result.get_response()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_client__compressed(client, model_file, encoding, binary):
    result = client.infer(
        "small",
        tensors(binary=binary),
        request_compression_algorithm=encoding,
        response_compression_algorithm=encoding,
        priority=1,
        timeout=5_000_000,
        parameters={"colour": "blue"},
    )
    expect(model_file, result)


def test_client__at_the_same_time(client, model_file):
    waiting = [client.async_infer("small", tensors(), request_id=str(number)) for number in range(12)]
    for number, one in enumerate(waiting):
        result = one.get_result(timeout=60)
        assert result.get_response()["id"] == str(number)
        expect(model_file, result)


def test_client__one_output_only(client):
    result = client.infer("small", tensors(), outputs=outputs(confidence=True))
    assert [output["name"] for output in result.get_response()["outputs"]] == ["confidence"]
    assert result.as_numpy("mask") is None


def test_client__order_and_padding_of_candidates_do_not_matter(client, model_file, models):
    shuffled = np.array([[-1, 1, -1, 0, -1], [4, -1, 0, 2, -1], [-1, -1, -1, -1, 0]], np.int64)
    expect(model_file, client.infer("small", tensors(candidates=shuffled)))
    np.testing.assert_array_equal(models.asked[-1], CANDIDATES)


def test_client__repository(client, models):
    listed = {model["name"]: model for model in client.get_model_repository_index()}
    assert {name: model["state"] for name, model in listed.items()} == {
        "full": "READY",
        "small": "READY",
        "resting": "UNAVAILABLE",
    }
    assert listed["resting"]["reason"] == "unloaded"
    client.unload_model("full")
    assert not client.is_model_ready("full")
    with pytest.raises(InferenceServerException, match=r"'full' is not ready \(unloaded\); load it first\."):
        client.infer("full", tensors(candidates=None))
    client.load_model("full")
    assert client.is_model_ready("full")
    with pytest.raises(InferenceServerException, match="no model 'nobody' to load"):
        client.load_model("nobody")
    with pytest.raises(InferenceServerException, match="no model 'nobody' to unload"):
        client.unload_model("nobody")
    with pytest.raises(InferenceServerException, match="cannot be sent here"):
        client.load_model("small", config="{}", files={"file:1/model.onnx": b"x"})


def test_client__statistics(client):
    before = client.get_inference_statistics("small")["model_stats"][0]
    client.infer("small", tensors())
    after = client.get_inference_statistics("small", "1")["model_stats"][0]
    assert after["inference_count"] == before["inference_count"] + 3
    assert after["execution_count"] == before["execution_count"] + 1
    assert after["inference_stats"]["success"]["ns"] > before["inference_stats"]["success"]["ns"]
    names = {model["name"] for model in client.get_inference_statistics()["model_stats"]}
    assert names == {"small", "full"}


def test_client__what_is_not_offered(client):
    with pytest.raises(InferenceServerException, match="Shared memory is not offered"):
        client.get_system_shared_memory_status()
    with pytest.raises(InferenceServerException, match="Shared memory is not offered"):
        client.register_system_shared_memory("region", "/key", 10)
    with pytest.raises(InferenceServerException, match="no /v2/trace/setting"):
        client.get_trace_settings()
    given = tensors()
    given[0].set_shared_memory("region", IMAGES.nbytes)
    with pytest.raises(InferenceServerException, match="shared memory is not offered"):
        client.infer("small", given)
    with pytest.raises(InferenceServerException, match="neither classification nor"):
        client.infer("small", tensors(), outputs=[triton.InferRequestedOutput("mask", class_count=2)])


@pytest.mark.parametrize(
    ("model", "version", "told"),
    [("nobody", "", "There is no model 'nobody'"), ("small", "2", "has no version '2'; its only version is 1")],
)
def test_client__unknown_model(client, model, version, told):
    for ask in [client.get_model_metadata, client.get_model_config, client.get_inference_statistics]:
        with pytest.raises(InferenceServerException, match=told) as caught:
            ask(model, version)
        assert caught.value.status() == "404"
    with pytest.raises(InferenceServerException, match=told):
        client.infer(model, tensors(), model_version=version)


def image(**changes):
    return {"name": "image", "datatype": "UINT8", "shape": [1, 1, 2, 3], "data": [1, 2, 3, 4, 5, 6]} | changes


def candidates(**changes):
    return {"name": "candidates", "datatype": "INT64", "shape": [1, 2], "data": [0, 1]} | changes


def refused(answer: httpx.Response, told: str, status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    found = answer.json()
    assert found.keys() == {"error"}
    assert told in found["error"]
    assert len(found["error"]) < 400
    assert "\n" not in found["error"]
    assert found["error"].endswith(".")


def test_infer__nested_lists(http, model_file):
    nested = image(shape=[1, 48, 64, 3], data=IMAGES[:1].tolist())
    answer = http.post("/models/small/infer", json={"inputs": [candidates(data=[[1, 0]]), nested]})
    assert answer.headers["content-type"] == "application/json"
    mask, confidence = Reference(model_file)(IMAGES[0], ("cat",))
    for output, expected in zip(answer.json()["outputs"], [mask, confidence], strict=True):
        assert (output["shape"], output["data"]) == ([1, 48, 64], expected.ravel().tolist())


def test_infer__nothing_where_null_may_be(http):
    parts = [image(parameters=None), candidates(parameters={"extra": [1]})]
    body = {"id": None, "inputs": parts, "outputs": None, "parameters": None, "more": 1}
    assert http.post("/models/small/infer", json=body).status_code == 200


@pytest.mark.parametrize(
    ("binary_data_output", "binary_data", "binary"),
    [(None, None, False), (True, None, True), (True, False, False), (False, True, True), (None, True, True)],
)
def test_infer__how_outputs_come(http, binary_data_output, binary_data, binary):
    output = {"name": "mask"} | ({} if binary_data is None else {"parameters": {"binary_data": binary_data}})
    body = {"inputs": [image(), candidates()], "outputs": [output]}
    if binary_data_output is not None:
        body["parameters"] = {"binary_data_output": binary_data_output}
    answer = http.post("/models/small/infer", json=body)
    length = answer.headers.get("Inference-Header-Content-Length")
    assert (length is not None) == binary
    (found,) = json.loads(answer.content[: None if length is None else int(length)])["outputs"]
    assert ("data" in found) != binary
    assert len(answer.content) == (int(length) + 2 if binary else len(answer.content))


@pytest.mark.parametrize(
    ("model", "body", "told"),
    [
        ("small", {"inputs": [image()]}, "Input 'candidates' is missing; the model takes image and candidates."),
        ("small", {"inputs": [image(), candidates(data=[1, 2])]}, "image 0 lack 0; background is always a candidate"),
        ("full", {"inputs": [image(), candidates()]}, "The model has no input 'candidates'; it takes image."),
        ("small", 7, "The JSON is wrong"),
    ],
)
def test_infer__wrong_request(http, model, body, told):
    refused(http.post(f"/models/{model}/infer", json=body), told)


@pytest.mark.parametrize("length", ["100000", "ten", "10", "0"])
def test_infer__wrong_header_length(http, length):
    headers = {"Inference-Header-Content-Length": length}
    body = json.dumps({"inputs": [image(), candidates()]})
    refused(http.post("/models/small/infer", content=body, headers=headers), "")


@pytest.mark.parametrize(
    ("encoding", "content", "told", "status"),
    [
        ("gzip", b"plain", "The body is no gzip data", 400),
        ("deflate", b"plain", "The body is no deflate data", 400),
        ("gzip", gzip.compress(b"{}")[:-3], "not one whole piece of gzip data", 400),
        ("deflate", zlib.compress(b"{}") + b"more", "not one whole piece of deflate data", 400),
        ("gzip", gzip.compress(bytes(200 * LIMIT)), f"more than {LIMIT} bytes", 413),
        ("gzip", b"", "not one whole piece", 400),
        ("br", b"{}", "Content-Encoding 'br' is not understood", 400),
        ("gzip, gzip", b"{}", "is not understood", 400),
    ],
    ids=range(8),  # not the bytes: they hold the time, and every worker must collect the same tests
)
def test_infer__wrong_encoding(http, encoding, content, told, status):
    answer = http.post("/models/small/infer", content=content, headers={"Content-Encoding": encoding})
    refused(answer, told, status)


def test_infer__unpacked_to_the_very_limit(http):
    body = json.dumps({"inputs": [image(), candidates()]}).encode().ljust(LIMIT)
    headers = {"Content-Encoding": "gzip"}
    assert http.post("/models/small/infer", content=gzip.compress(body), headers=headers).status_code == 200
    refused(http.post("/models/small/infer", content=gzip.compress(body + b" "), headers=headers), "more than", 413)


def test_infer__errors_of_the_server_in_the_words_of_the_protocol(http):
    refused(http.post("/models/small/infer", content=bytes(LIMIT + 1)), "send at most", 413)


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"ready": "yes"}'])
def test_repository__wrong_body(http, body):
    refused(http.post("/repository/index", content=body), "The JSON is wrong")
    assert http.post("/repository/index", json={"ready": True}).json()[0]["state"] == "READY"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/models/small/infer"), ("POST", "/nothing"), ("DELETE", "/models/small"), ("GET", "/")],
)
def test_nothing_there(http, method, path):
    refused(http.request(method, path), "There is no /v2/", 404)


def test_no_model(http, models, monkeypatch):
    monkeypatch.setattr(models, "models", dict)
    refused(http.get("/health/ready"), "No model is ready.")
    assert http.get("/health/live").status_code == 200


def test_openapi__example_runs(address, http):
    described = httpx.get(f"http://{address}/openapi.json").json()
    for path in ["/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"]:
        content = described["paths"][path]["post"]["requestBody"]["content"]
        answer = http.post("/models/small/infer", json=content["application/json"]["example"])
        assert answer.json()["outputs"][0]["shape"] == [1, 2, 2]


def test_whole_server(model_file, tmp_path):
    """The same client, and the server as people start it."""
    with serving(model_file, tmp_path) as http:
        with triton.InferenceServerClient(f"{http.base_url.host}:{http.base_url.port}", concurrency=4) as client:
            assert client.is_server_ready()
            waiting = [client.async_infer("small", tensors(binary=binary)) for binary in [True, False] * 4]
            for one in waiting:
                expect(model_file, one.get_result(timeout=60))
            with pytest.raises(InferenceServerException, match="There is no model 'nobody'"):
                client.infer("nobody", tensors())
            client.unload_model("small")
            assert not client.is_server_ready()
            client.load_model("small")
            expect(model_file, client.infer("small", tensors(), request_compression_algorithm="gzip"))
        refused(http.post("/v2/models/small/infer", json={"inputs": [image()]}), "Input 'candidates' is missing")
        refused(http.get("/v2/models/nobody"), "There is no model 'nobody'", 404)
