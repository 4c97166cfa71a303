"""Bodies of the Open Inference Protocol: JSON with binary tensors behind it, in and out."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import HTTPException
from pydantic import Field
from pydantic_core import to_json

from swsss.data.images import Pixels
from swsss.errors import UserError
from swsss.model.engine import Candidates
from swsss.model.info import ModelInfo
from swsss.serve.server.protocols.inference_tensors import (
    CANDIDATES,
    IMAGE,
    OUTPUTS,
    Input,
    Part,
    all_classes,
    inputs_of,
    read_inputs,
    tidy_candidates,
)
from swsss.serve.server.protocols.json_bodies import COLLECTOR, MOST_VALUES, parse_json

MAX_IMAGES = 256
"""Of one request: tiny images take little of a body, but each takes the memory of a whole picture in the net."""

VERSION = "1"
"""The one version every model has."""


class _OutputParameters(Part):
    binary_data: bool | None = None
    classification: Any = None
    shared_memory_region: Any = None


class _Output(Part):
    name: str
    parameters: _OutputParameters | None = None


class _RequestParameters(Part):
    binary_data_output: bool = False


class _Head(Part):
    id: str | None = None
    inputs: list[Input] = Field(max_length=8)
    outputs: list[_Output] | None = Field(None, max_length=8)
    parameters: _RequestParameters | None = None


class RepositoryRequest(Part):
    """What the body of a request to the repository may hold."""

    ready: bool = False
    parameters: dict[str, Any] | None = None


@dataclass(frozen=True)
class InferenceRequest:
    """A request that is whole and right.

    Args:
        id: Given back with the answer; None when there was none.
        images: uint8 RGB [N, H, W, 3], not to be written to; the memory of the body where it came as binary.
        candidates: int64 [N, K] class ids, each row ascending from 0, padded with -1.
        outputs: Name, and whether as binary, of each output wanted.
    """

    id: str | None
    images: Pixels
    candidates: Candidates
    outputs: tuple[tuple[str, bool], ...]


def parse_request(body: bytes, json_length: str | None, info: ModelInfo) -> InferenceRequest:
    """Read the body of an infer request.

    Args:
        body: JSON, and the data of binary tensors behind it.
        json_length: `Inference-Header-Content-Length`, the bytes of JSON; None when all is JSON.
        info: Of the model asked for.

    Raises:
        UserError: Anything in it is wrong, or not offered.
    """
    length = len(body) if json_length is None else _json_length(json_length, len(body))
    with COLLECTOR.paused():
        head = parse_json(_Head, body[:length])
        arrays = read_inputs(head.inputs, memoryview(body)[length:], inputs_of(info))
        given, wanted = head.id, _wanted(head)
        del head  # before the collector could walk through it
    images, classes = arrays[IMAGE.name], len(info.classes)
    if len(images) > MAX_IMAGES:
        raise UserError(f"A request may hold {MAX_IMAGES} images, and this one has {len(images)}; send several.")
    candidates = arrays.get(CANDIDATES.name, all_classes(len(images), classes))
    if len(candidates) != len(images):
        raise UserError(f"There are {len(images)} images, but candidates of {len(candidates)}; give a row for each.")
    if sum(not binary for _, binary in wanted) * images[..., 0].size > MOST_VALUES:
        raise UserError(
            f"The answer would hold more than {MOST_VALUES} values in JSON; ask for binary outputs (binary_data)."
        )
    return InferenceRequest(given, images, tidy_candidates(candidates, classes), wanted)


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """Undo the `Content-Encoding` of a body.

    Args:
        body: As it was sent.
        encoding: gzip, deflate, or identity or nothing for none.
        limit: Most bytes it may become.

    Raises:
        UserError: It is damaged, or the encoding is another one.
        HTTPException: It is larger than `limit` (413).
    """
    if encoding in {"", "identity"}:
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise UserError(f"Content-Encoding '{encoding[:80]}' is not understood here; use gzip, deflate or none.")
    # 15 bits of window; 32 more: zlib's header or gzip's, whichever is there.
    packed = zlib.decompressobj(wbits=15 + 32)
    try:
        unpacked = packed.decompress(body, limit + 1)
    except zlib.error:
        raise UserError(f"The body is no {encoding} data, or it is damaged; send it again.") from None
    if len(unpacked) > limit:
        raise HTTPException(413, f"Unpacked, the body has more than {limit} bytes; send fewer or smaller images.")
    if not packed.eof or packed.unused_data:
        raise UserError(f"The body is not one whole piece of {encoding} data; send all of it, and nothing after it.")
    return unpacked


def write_response(request: InferenceRequest, model: str, arrays: Mapping[str, Pixels]) -> tuple[bytes, int | None]:
    """Write the answer to an infer request.

    Args:
        request: Says which outputs are wanted, and how.
        model: Name of the model.
        arrays: uint8 [N, H, W] by name of the output.

    Returns:
        The body, and how many bytes of it are JSON; None when all is.
    """
    outputs: list[dict[str, object]] = []
    binary: list[memoryview] = []
    for name, as_binary in request.outputs:
        array = np.ascontiguousarray(arrays[name])
        output: dict[str, object] = {"name": name, "datatype": "UINT8", "shape": array.shape}
        if as_binary:
            output["parameters"] = {"binary_data_size": array.nbytes}
            binary.append(array.data)
        else:
            output["data"] = array.ravel().tolist()
        outputs.append(output)
    known = {} if request.id is None else {"id": request.id}
    head = to_json({"model_name": model, "model_version": VERSION, **known, "outputs": outputs})
    return (b"".join([head, *binary]), len(head)) if binary else (head, None)


def _json_length(text: str, size: int) -> int:
    # int() would take '+1', '1_0' and digits of any script.
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise UserError("Inference-Header-Content-Length must be a number of bytes.")
    if int(text) > size:
        raise UserError(f"Inference-Header-Content-Length says {int(text)} bytes of JSON, but the body has {size}.")
    return int(text)


def _wanted(head: _Head) -> tuple[tuple[str, bool], ...]:
    default = head.parameters is not None and head.parameters.binary_data_output
    known = [spec.name for spec in OUTPUTS]
    wanted: dict[str, bool] = {}
    for output in head.outputs or []:
        parameters = output.parameters or _OutputParameters()
        if output.name not in known:
            raise UserError(f"The model has no output '{output.name[:80]}'; it gives {' and '.join(known)}.")
        if output.name in wanted:
            raise UserError(f"Output '{output.name}' is asked for twice; ask for it once.")
        if parameters.classification is not None or parameters.shared_memory_region is not None:
            raise UserError(f"Output '{output.name}': neither classification nor shared memory is offered here.")
        wanted[output.name] = default if parameters.binary_data is None else parameters.binary_data
    return tuple(wanted.items()) or tuple((name, default) for name in known)
