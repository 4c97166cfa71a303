"""Requests of the Open Inference Protocol: what is read from them, and everything a client can get wrong."""

import json
import random

import numpy as np
import pytest
from models import CLASSES

from swsss.errors import UserError
from swsss.model.info import ModelInfo
from swsss.serve.server.protocols.inference_request import InferenceRequest, parse_request

INFO = ModelInfo(
    task="conditioned",
    classes=CLASSES.names,
    palette=((0, 0, 0),) * len(CLASSES),
    mean=(0, 0, 0),
    std=(1, 1, 1),
    scales=(1,),
    flip=False,
    max_side=100,
    precision="fp32",
    source="",
    tools={},
)


def image(**changes):
    return {"name": "image", "datatype": "UINT8", "shape": [1, 1, 2, 3], "data": [1, 2, 3, 4, 5, 6]} | changes


def candidates(**changes):
    return {"name": "candidates", "datatype": "INT64", "shape": [1, 2], "data": [0, 1]} | changes


def parse(**body) -> InferenceRequest:
    return parse_request(json.dumps(body).encode(), None, INFO)


def refused(body: bytes, length: str | None, told: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_request(body, length, INFO)
    sentence = str(caught.value)
    assert told in sentence
    assert len(sentence) < 400
    assert "\n" not in sentence
    assert sentence.endswith(".")


def binary_body(pixels: bytes = bytes(range(6)), size: int | None = None) -> tuple[bytes, str]:
    described = image(data=None, parameters={"binary_data_size": len(pixels) if size is None else size})
    head = json.dumps({"inputs": [described, candidates()]}).encode()
    return head + pixels, str(len(head))


def test_parse__json():
    request = parse(id="7", inputs=[image(), candidates(data=[1, 0])])
    assert request.id == "7"
    assert (request.images.dtype, request.candidates.dtype) == (np.uint8, np.int64)
    assert request.images.tolist() == [[[[1, 2, 3], [4, 5, 6]]]]
    assert request.candidates.tolist() == [[0, 1]]
    assert request.outputs == (("mask", False), ("confidence", False))


def test_parse__nested_json_is_the_same():
    nested = parse(inputs=[image(data=[[[[1, 2, 3], [4, 5, 6]]]]), candidates(data=[[0, 1]])])
    np.testing.assert_array_equal(nested.images, parse(inputs=[image(), candidates()]).images)


def test_parse__binary_pixels_are_not_copied():
    body, length = binary_body()
    images = parse_request(body, length, INFO).images
    assert images.tobytes() == bytes(range(6))
    assert np.shares_memory(images, np.frombuffer(body, np.uint8))


def test_parse__candidates_in_one_form():
    shuffled = candidates(shape=[2, 5], data=[-1, 4, -1, 0, 2, 0, -1, -1, -1, -1])
    request = parse(inputs=[image(shape=[2, 1, 1, 3]), shuffled])
    assert request.candidates.tolist() == [[0, 2, 4], [0, -1, -1]]


def test_parse__candidates_of_a_plain_model():
    body = json.dumps({"inputs": [image(shape=[2, 1, 1, 3])]}).encode()
    plain = INFO.model_copy(update={"task": "plain"})
    assert parse_request(body, None, plain).candidates.tolist() == [[0, 1, 2, 3, 4]] * 2


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([], "Input 'image' is missing; the model takes image and candidates."),
        ([image()], "Input 'candidates' is missing"),
        ([image(), candidates(), image()], "Input 'image' is given twice"),
        ([image(name="picture"), candidates()], "no input 'picture'; it takes image and candidates."),
        ([image(name="x" * 100_000)], "no input 'xxx"),
        ([image(datatype="FP32"), candidates()], "Input 'image' is of datatype 'FP32'; it must be UINT8."),
        ([image(), candidates(datatype="INT32")], "Input 'candidates' is of datatype 'INT32'; it must be INT64."),
        ([image(shape=[1, 2, 3])], "has the shape [1, 2, 3]; it must be [-1, -1, -1, 3]"),
        ([image(shape=[1, 1, 2, 4])], "has the shape [1, 1, 2, 4]; it must be"),
        ([image(shape=[1, 3, 1, 2])], "has the shape [1, 3, 1, 2]; it must be"),
        ([image(shape=[1, 0, 2, 3], data=[])], "at inputs.0.shape.1: Input should be greater than or equal to 1."),
        ([image(shape=[-1, 1, 2, 3])], "at inputs.0.shape.0: Input should be greater"),
        ([image(shape=[2**31, 1, 2, 3])], "at inputs.0.shape.0: Input should be less"),
        ([image(shape=[2**64, 2**64, 2**64, 3])], "at inputs.0.shape.0"),
        ([image(shape=[2**31 - 1, 2**31 - 1, 2**31 - 1, 3])], "numbers; it has 6."),
        ([image(shape=["1", 1, 2, 3])], "at inputs.0.shape.0: Input should be a valid integer."),
        ([image(shape=[True, 1, 2, 3])], "at inputs.0.shape.0"),
        ([image(shape=[1.0, 1, 2, 3])], "at inputs.0.shape.0"),
        ([image(shape=[1] * 100_000)], "at inputs.0.shape: List should have at most 8 items"),
        ([image(shape=None)], "at inputs.0.shape"),
        ([image(data=[1, 2, 3])], "Input 'image' of shape [1, 1, 2, 3] needs 6 numbers; it has 3."),
        ([image(data=[])], "do not have the shape [1, 1, 2, 3]."),
        ([image(data=[[[[1, 2, 3], [4, 5]]]])], "do not have the shape [1, 1, 2, 3]."),
        ([image(data=[[[1, 2, 3], [4, 5, 6]]])], "do not have the shape"),
        ([image(data=[[[[1, 2], [3, 4], [5, 6]]]])], "do not have the shape"),
        ([image(data=[[1], 2, 3, 4, 5, 6])], "do not have the shape"),
        ([image(data=[[[[[1], 2, 3], [4, 5, 6]]]])], "must be whole numbers only"),
        ([image(data=[1, 2, 3, 4, 5, [6]])], "must be whole numbers only"),
        ([image(data=[1, 2, 3, 4, 5, 6.0])], "must be whole numbers only"),
        ([image(data=[1, 2, 3, 4, 5, True])], "must be whole numbers only"),
        ([image(data=[1, 2, 3, 4, 5, "6"])], "must be whole numbers only"),
        ([image(data=[1, 2, 3, 4, 5, None])], "must be whole numbers only"),
        ([image(data=[1, 2, 3, 4, 5, 256])], "holds a number that is no UINT8."),
        ([image(data=[1, 2, 3, 4, 5, -1])], "holds a number that is no UINT8."),
        ([image(), candidates(data=[0, 10**30])], "holds a number that is no INT64."),
        ([image(data={"1": 2})], "at inputs.0.data"),
        ([image(data=None), candidates()], "Input 'image' needs either data or the parameter binary_data_size."),
        ([image(parameters={"binary_data_size": 6})], "needs either data or the parameter"),
        ([image(parameters={"binary_data_size": -1})], "at inputs.0.parameters.binary_data_size"),
        ([image(parameters=[])], "at inputs.0.parameters"),
        ([image(data=None, parameters={"binary_data_size": 6})], "should have 6 bytes behind the JSON, but 0 are left"),
        ([image(data=None, parameters={"binary_data_size": 7})], "has 6 bytes, not the 7 it says."),
        ([image(), candidates(data=[0, 5])], "Candidate 5 of image 0 is no class; give 0 to 4, -1 to fill up."),
        ([image(), candidates(data=[0, -2])], "Candidate -2 of image 0 is no class"),
        ([image(), candidates(data=[0, 255])], "Candidate 255 of image 0 is no class"),
        ([image(), candidates(data=[1, 2])], "image 0 lack 0; background is always a candidate"),
        ([image(), candidates(data=[-1, -1])], "image 0 lack 0"),
        ([image(), candidates(shape=[1, 3], data=[1, 0, 1])], "Candidate 1 of image 0 occurs twice"),
        ([image(), candidates(shape=[2, 1], data=[0, 0])], "1 images, but candidates of 2"),
        ([image(shape=[300, 1, 1, 3], data=[1] * 900), candidates()], "may hold 256 images, and this one has 300"),
        ([image()] * 9, "at inputs: List should have at most 8 items"),
        (7, "at inputs"),
    ],
)
def test_parse__wrong_inputs(inputs, told):
    refused(json.dumps({"inputs": inputs}).encode(), None, told)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"outputs": [{"name": "labels"}]}, "no output 'labels'; it gives mask and confidence."),
        ({"outputs": [{"name": "mask"}, {"name": "mask"}]}, "Output 'mask' is asked for twice"),
        ({"outputs": [{}]}, "at outputs.0.name: Field required."),
        ({"outputs": [{"name": "mask", "parameters": {"binary_data": 1}}]}, "at outputs.0.parameters.binary_data"),
        ({"parameters": {"binary_data_output": "yes"}}, "at parameters.binary_data_output"),
        ({"id": 7}, "at id: Input should be a valid string."),
    ],
)
def test_parse__wrong_about_the_answer(more, told):
    refused(json.dumps({"inputs": [image(), candidates()], **more}).encode(), None, told)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"inputs": NaN}', b"9" * 5000, b'{"id": "\\ud800"}'],
)
def test_parse__not_json(body):
    refused(body, None, "The JSON is wrong")


@pytest.mark.parametrize(
    ("length", "told"),
    [
        ("100000", "says 100000 bytes of JSON, but the body has"),
        ("9" * 30, "must be a number of bytes"),
        ("9" * 5000, "must be a number of bytes"),
        ("-1", "must be a number of bytes"),
        ("1_0", "must be a number of bytes"),
        ("+5", "must be a number of bytes"),
        ("", "must be a number of bytes"),
        ("ten", "must be a number of bytes"),
        ("10", "The JSON is wrong"),
        ("0", "The JSON is wrong"),
    ],
)
def test_parse__wrong_header_length(length, told):
    refused(binary_body()[0], length, told)


def test_parse__binary_data_cut_short_or_too_long():
    body, length = binary_body()
    refused(body[:-1], length, "should have 6 bytes behind the JSON, but 5 are left")
    refused(body + b"xx", length, "2 bytes follow the last tensor")
    body, length = binary_body(bytes(5))
    refused(body, length, "has 6 bytes, not the 5 it says")
    body, length = binary_body(size=2**62 - 1)
    refused(body, length, "has 6 bytes, not the 4611686018427387903 it says")


def test_parse__damaged_bodies_are_told_or_read():
    """Bytes changed, cut and doubled at random: nothing but sentences."""
    whole, length = binary_body()
    chance = random.Random(0)
    pieces = [b"", b"-", b"9", b"[", b"]", b",", b"null", b"\xff", whole]
    refusals = []
    for _ in range(3000):
        body = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            start = chance.randrange(len(body))
            body[start : start + chance.randint(0, 3)] = chance.choice(pieces)
        try:
            parse_request(bytes(body), length if chance.random() < 0.5 else str(chance.randrange(300)), INFO)
        except UserError as error:
            refusals.append(str(error))
    assert len(refusals) > 1000
    assert all(sentence.endswith(".") for sentence in refusals)


def test_parse_request__json_answer_of_millions_of_values_refused():
    shape, candidates = [1, 1100, 1000, 3], {"name": "candidates", "datatype": "INT64", "shape": [1, 1], "data": [0]}
    size = {"binary_data_size": 1100 * 1000 * 3}
    image = {"name": "image", "datatype": "UINT8", "shape": shape, "parameters": size}
    for binary in (False, True):
        asked = {"inputs": [image, candidates], "parameters": {"binary_data_output": binary}}
        head = json.dumps(asked).encode()
        if binary:
            assert parse_request(head + bytes(3_300_000), str(len(head)), INFO).images.shape == tuple(shape)
        else:
            with pytest.raises(UserError, match="ask for binary outputs"):
                parse_request(head + bytes(3_300_000), str(len(head)), INFO)
