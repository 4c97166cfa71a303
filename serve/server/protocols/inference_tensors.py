"""Tensors of the Open Inference Protocol: taken from JSON or from the bytes behind it, checked against the model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from swsss.errors import UserError
from swsss.model.engine import Candidates
from swsss.model.info import ModelInfo

Array = npt.NDArray[Any]

# Tensors are little-endian on the wire, whatever the machine.
_DTYPES: dict[str, np.dtype[Any]] = {"UINT8": np.dtype("<u1"), "INT64": np.dtype("<i8")}


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a model; -1 in `shape` stands for any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]


IMAGE = TensorSpec("image", "UINT8", (-1, -1, -1, 3))
CANDIDATES = TensorSpec("candidates", "INT64", (-1, -1))
OUTPUTS = (TensorSpec("mask", "UINT8", (-1, -1, -1)), TensorSpec("confidence", "UINT8", (-1, -1, -1)))


def inputs_of(info: ModelInfo) -> tuple[TensorSpec, ...]:
    """The inputs a model takes."""
    return (IMAGE, CANDIDATES) if info.task == "conditioned" else (IMAGE,)


class Part(BaseModel):
    """A piece of JSON from outside: nothing is converted, and what we do not know is not looked at."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class InputParameters(Part):
    """Parameters of an input."""

    binary_data_size: int | None = Field(None, ge=0, lt=2**62)
    shared_memory_region: Any = None


class Input(Part):
    """An input as a request describes it."""

    name: str
    datatype: str
    # The bounds keep products and their digits small enough to be told.
    shape: list[Annotated[int, Field(ge=1, lt=2**31)]] = Field(max_length=8)
    data: list[Any] | None = None
    parameters: InputParameters | None = None


def read_inputs(inputs: Sequence[Input], rest: memoryview, specs: Sequence[TensorSpec]) -> dict[str, Array]:
    """Read every input a model takes.

    Args:
        inputs: What the request says of them.
        rest: What follows the JSON: the binary tensors, in the order of `inputs`.
        specs: The inputs of the model.

    Returns:
        Arrays of the datatype and shape of their specs, by name. Binary ones share the memory of `rest`.

    Raises:
        UserError: One is missing, unknown, or not what it says it is, or bytes are left.
    """
    known = {spec.name: spec for spec in specs}
    names = " and ".join(known)
    arrays: dict[str, Array] = {}
    for tensor in inputs:
        if tensor.name not in known:
            raise UserError(f"The model has no input '{tensor.name[:80]}'; it takes {names}.")
        if tensor.name in arrays:
            raise UserError(f"Input '{tensor.name}' is given twice; give it once.")
        _check(tensor, known[tensor.name])
        size = tensor.parameters.binary_data_size if tensor.parameters else None
        arrays[tensor.name] = _from_json(tensor) if size is None else _from_bytes(tensor, rest, size)
        rest = rest[size or 0 :]
    if missing := [name for name in known if name not in arrays]:
        raise UserError(f"Input '{missing[0]}' is missing; the model takes {names}.")
    if len(rest):
        raise UserError(f"{len(rest)} bytes follow the last tensor; check the sizes of the binary tensors.")
    return arrays


def tidy_candidates(ids: Candidates, classes: int) -> Candidates:
    """Check candidates and bring them into the one form that tags have everywhere else, so that masks agree.

    Args:
        ids: int64 [N, K] in any order, -1 anywhere for an empty slot.
        classes: How many there are.

    Returns:
        int64 [N, L], L <= K: ascending from 0, padded with -1.

    Raises:
        UserError: One is no class or occurs twice for an image, or background is not among them.
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
        raise UserError(f"The candidates of image {without[0]} lack 0; background is always a candidate, so add it.")
    used = int((ordered < classes).sum(axis=1).max())
    return np.where(ordered < classes, ordered, -1)[:, :used]


def all_classes(images: int, classes: int) -> Candidates:
    """Every class a candidate: int64 [images, classes], not to be written to."""
    return np.broadcast_to(np.arange(classes, dtype=np.int64), (images, classes))


def _check(tensor: Input, spec: TensorSpec) -> None:
    given = tensor.parameters or InputParameters()
    if given.shared_memory_region is not None:
        raise UserError(f"Input '{spec.name}': shared memory is not offered here; send the data in the request.")
    if tensor.datatype != spec.datatype:
        raise UserError(f"Input '{spec.name}' is of datatype '{tensor.datatype[:80]}'; it must be {spec.datatype}.")
    fits = [wanted in {-1, size} for wanted, size in zip(spec.shape, tensor.shape, strict=False)]
    if len(tensor.shape) != len(spec.shape) or not all(fits):
        raise UserError(f"Input '{spec.name}' has the shape {tensor.shape}; it must be {list(spec.shape)}, -1 for any.")
    if (tensor.data is None) == (given.binary_data_size is None):
        raise UserError(f"Input '{spec.name}' needs either data or the parameter binary_data_size.")


def _from_bytes(tensor: Input, rest: memoryview, size: int) -> Array:
    dtype = _DTYPES[tensor.datatype]
    needed = math.prod(tensor.shape) * dtype.itemsize
    if size != needed:
        raise UserError(f"Input '{tensor.name}' of shape {tensor.shape} has {needed} bytes, not the {size} it says.")
    if size > len(rest):
        raise UserError(
            f"Input '{tensor.name}' should have {size} bytes behind the JSON, but {len(rest)} are left; check "
            "Inference-Header-Content-Length and that the whole body was sent."
        )
    return np.frombuffer(rest[:size], dtype).reshape(tensor.shape)


def _from_json(tensor: Input) -> Array:
    values = _flat(tensor.data or [], tensor)
    # Neither true nor 1.0 counts as 1.
    if set(map(type, values)) != {int}:
        raise UserError(f"The data of input '{tensor.name}' must be whole numbers only.")
    dtype = _DTYPES[tensor.datatype]
    limits = np.iinfo(dtype)
    if min(values) < limits.min or max(values) > limits.max:
        raise UserError(f"The data of input '{tensor.name}' holds a number that is no {tensor.datatype}.")
    return np.array(values, dtype).reshape(tensor.shape)


def _flat(data: list[Any], tensor: Input) -> list[Any]:
    if data and not isinstance(data[0], list):
        count = math.prod(tensor.shape)
        if len(data) != count:
            raise UserError(f"Input '{tensor.name}' of shape {tensor.shape} needs {count} numbers; it has {len(data)}.")
        return data
    level: list[Any] = [data]
    for size in tensor.shape:
        if any(not isinstance(part, list) or len(part) != size for part in level):
            raise UserError(f"The nested lists of input '{tensor.name}' do not have the shape {tensor.shape}.")
        level = list(chain.from_iterable(level))
    return level
