"""Tensors of the Open Inference Protocol: read from the body of a request and checked; written into an answer."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from swsss.data.images import Pixels
from swsss.errors import UserError
from swsss.export.metadata import ModelInfo
from swsss.serve.engines import Candidates

MAX_IMAGES = 256
"""Of one request: tiny images take little of a body, but each takes the memory of a whole picture in the net."""


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a model; -1 in `shape` stands for any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]


IMAGE = TensorSpec("image", "UINT8", (-1, -1, -1, 3))
CANDIDATES = TensorSpec("candidates", "INT64", (-1, -1))
OUTPUTS = (TensorSpec("mask", "UINT8", (-1, -1, -1)), TensorSpec("confidence", "UINT8", (-1, -1, -1)))

# Tensors are little-endian on the wire, whatever the machine.
_DTYPES = {"UINT8": np.dtype("<u1"), "INT64": np.dtype("<i8")}

_Size = Annotated[int, Field(ge=1, lt=2**31)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class _InputParameters(_Part):
    binary_data_size: int | None = Field(None, ge=0, lt=2**62)
    shared_memory_region: Any = None


class _Input(_Part):
    name: str
    datatype: str
    shape: list[_Size] = Field(max_length=8)
    data: list[Any] | None = None
    parameters: _InputParameters | None = None


class _OutputParameters(_Part):
    binary_data: bool | None = None
    classification: Any = None
    shared_memory_region: Any = None


class _Output(_Part):
    name: str
    parameters: _OutputParameters | None = None


class _RequestParameters(_Part):
    binary_data_output: bool = False


class _Head(_Part):
    id: str | None = None
    inputs: list[_Input] = Field(max_length=8)
    outputs: list[_Output] | None = Field(None, max_length=8)
    parameters: _RequestParameters | None = None


@dataclass(frozen=True)
class InferenceRequest:
    """A request that is whole and right.

    Args:
        id: Given back with the answer; None when there was none.
        images: uint8 RGB [N, H, W, 3]; the memory of the body where it came as binary.
        candidates: int64 [N, K] class ids, each row ascending from 0, padded with -1.
        outputs: Name, and whether as binary, of the outputs wanted.
    """

    id: str | None
    images: Pixels
    candidates: Candidates
    outputs: tuple[tuple[str, bool], ...]


def inputs_of(info: ModelInfo) -> tuple[TensorSpec, ...]:
    """The inputs a model takes."""
    return (IMAGE, CANDIDATES) if info.task == "conditioned" else (IMAGE,)


def parse_request(body: bytes, json_length: int | None, info: ModelInfo) -> InferenceRequest:
    """Read the body of an infer request.

    Args:
        body: JSON, and the data of binary tensors behind it.
        json_length: Bytes of JSON; None when all is JSON.
        info: Of the model asked for.

    Raises:
        UserError: Anything in it is wrong or not offered.
    """
    length = len(body) if json_length is None else json_length
    if length > len(body):
        raise UserError(f"Inference-Header-Content-Length says {length} bytes of JSON, but the body has {len(body)}.")
    head = parse_json(_Head, body[:length])
    arrays = _read_inputs(head.inputs, memoryview(body)[length:], {spec.name: spec for spec in inputs_of(info)})
    images = arrays[IMAGE.name]
    every = np.broadcast_to(np.arange(len(info.classes), dtype=np.int64), (len(images), len(info.classes)))
    candidates = arrays.get(CANDIDATES.name, every)
    if len(images) > MAX_IMAGES:
        raise UserError(f"A request may hold {MAX_IMAGES} images, this one has {len(images)}; send several.")
    if len(candidates) != len(images):
        raise UserError(f"There are {len(images)} images but candidates for {len(candidates)}; give a row each.")
    return InferenceRequest(head.id, images, tidy_candidates(candidates, len(info.classes)), _wanted(head))


def parse_json[Model: BaseModel](model: type[Model], text: bytes) -> Model:
    """Read JSON from outside into a pydantic model.

    Raises:
        UserError: The first thing that is wrong with it.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"The body is wrong{f' at {where[:100]}' if where else ''}: {first['msg']}.") from None


def tidy_candidates(ids: Candidates, classes: int) -> Candidates:
    """Check candidates and bring them into the one form that tags have everywhere else, so that masks agree.

    Args:
        ids: int64 [N, K] in any order, -1 anywhere for an empty slot.
        classes: How many there are.

    Returns:
        int64 [N, L], L <= K: ascending, padded with -1.

    Raises:
        UserError: One is no class, occurs twice in a row, or background is not among them.
    """
    rows, columns = np.nonzero((ids < -1) | (ids >= classes))
    if len(rows):
        value = ids[rows[0], columns[0]]
        raise UserError(f"Candidate {value} of image {rows[0]} is no class; give 0 to {classes - 1}, -1 to fill up.")
    ordered = np.sort(np.where(ids < 0, classes, ids), axis=1)
    rows, columns = np.nonzero((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] < classes))
    if len(rows):
        raise UserError(f"Candidate {ordered[rows[0], columns[0]]} of image {rows[0]} occurs twice; give it once.")
    (without,) = np.nonzero(ordered[:, 0] != 0)
    if len(without):
        raise UserError(f"The candidates of image {without[0]} lack 0: background is always one; add it.")
    used = int((ordered < classes).sum(axis=1).max())
    return np.where(ordered < classes, ordered, -1)[:, :used]


def write_response(
    request: InferenceRequest, model: str, arrays: Mapping[str, Pixels]
) -> tuple[bytes, int | None]:
    """Write the answer to an infer request.

    Args:
        request: Says which outputs are wanted, and how.
        model: Name of the model.
        arrays: uint8 [N, H, W] by name of the output.

    Returns:
        The body, and how many bytes of it are JSON; None when all is.
    """
    outputs: list[dict[str, object]] = []
    binary: list[bytes | memoryview] = []
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
    head = to_json({"model_name": model, "model_version": "1", **known, "outputs": outputs})
    return (b"".join([head, *binary]), len(head)) if binary else (head, None)


def _wanted(head: _Head) -> tuple[tuple[str, bool], ...]:
    default = head.parameters is not None and head.parameters.binary_data_output
    known = [spec.name for spec in OUTPUTS]
    wanted: dict[str, bool] = {}
    for output in head.outputs or []:
        parameters = output.parameters or _OutputParameters()
        if output.name not in known:
            raise UserError(f"The model has no output '{output.name[:80]}'; its outputs are {' and '.join(known)}.")
        if output.name in wanted:
            raise UserError(f"Output '{output.name}' is asked for twice; ask once.")
        if parameters.classification is not None or parameters.shared_memory_region is not None:
            raise UserError(f"Output '{output.name}': neither classification nor shared memory is offered here.")
        wanted[output.name] = default if parameters.binary_data is None else parameters.binary_data
    return tuple(wanted.items()) or tuple((name, default) for name in known)


def _read_inputs(
    inputs: Sequence[_Input], rest: memoryview, specs: Mapping[str, TensorSpec]
) -> dict[str, np.ndarray[Any, Any]]:
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    names = " and ".join(specs)
    for tensor in inputs:
        if tensor.name not in specs:
            raise UserError(f"The model has no input '{tensor.name[:80]}'; it takes {names}.")
        if tensor.name in arrays:
            raise UserError(f"Input '{tensor.name}' is given twice; give it once.")
        _check(tensor, specs[tensor.name])
        size = tensor.parameters.binary_data_size if tensor.parameters else None
        arrays[tensor.name] = _from_json(tensor) if size is None else _from_bytes(tensor, rest, size)
        rest = rest[size or 0 :]
    if missing := [name for name in specs if name not in arrays]:
        raise UserError(f"Input '{missing[0]}' is missing; the model takes {names}.")
    if len(rest):
        raise UserError(f"{len(rest)} bytes follow the last tensor; check the sizes of the binary tensors.")
    return arrays


def _check(tensor: _Input, spec: TensorSpec) -> None:
    given = tensor.parameters or _InputParameters()
    if given.shared_memory_region is not None:
        raise UserError(f"Input '{spec.name}': shared memory is not offered here; send the data in the request.")
    if tensor.datatype != spec.datatype:
        raise UserError(f"Input '{spec.name}' is of datatype '{tensor.datatype[:80]}'; it must be {spec.datatype}.")
    fits = [wanted in {-1, size} for wanted, size in zip(spec.shape, tensor.shape, strict=False)]
    if len(tensor.shape) != len(spec.shape) or not all(fits):
        raise UserError(f"Input '{spec.name}' has the shape {tensor.shape}; it must be {list(spec.shape)}, -1 for any.")
    if (tensor.data is None) == (given.binary_data_size is None):
        raise UserError(f"Input '{spec.name}' needs either data or the parameter binary_data_size.")


def _from_bytes(tensor: _Input, rest: memoryview, size: int) -> np.ndarray[Any, Any]:
    dtype = _DTYPES[tensor.datatype]
    needed = math.prod(tensor.shape) * dtype.itemsize
    if size != needed:
        raise UserError(f"Input '{tensor.name}' of shape {tensor.shape} is {needed} bytes, not binary_data_size {size}.")
    if size > len(rest):
        raise UserError(
            f"Input '{tensor.name}' should have {size} bytes behind the JSON, but {len(rest)} are left; check "
            "Inference-Header-Content-Length and that the whole body was sent."
        )
    return np.frombuffer(rest[:size], dtype).reshape(tensor.shape)


def _from_json(tensor: _Input) -> np.ndarray[Any, Any]:
    values = _flat(tensor)
    # Neither true nor 1.0 counts as 1.
    if set(map(type, values)) != {int}:
        raise UserError(f"The data of input '{tensor.name}' holds something that is no whole number.")
    try:
        return np.array(values, np.int64).astype(_DTYPES[tensor.datatype], casting="unsafe").reshape(tensor.shape)
    except OverflowError:
        raise UserError(f"The data of input '{tensor.name}' holds a number beyond {tensor.datatype}.") from None


def _flat(tensor: _Input) -> list[Any]:
    data, shape = tensor.data or [], tensor.shape
    if data and not isinstance(data[0], list):
        if len(data) != math.prod(shape):
            raise UserError(f"Input '{tensor.name}' of shape {shape} needs {math.prod(shape)} numbers, not {len(data)}.")
        return data
    level: list[Any] = [data]
    for size in shape:
        if any(not isinstance(part, list) or len(part) != size for part in level):
            raise UserError(f"The nested lists of input '{tensor.name}' do not have the shape {shape}.")
        level = list(chain.from_iterable(level))
    return level
