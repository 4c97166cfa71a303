"""JSON with millions of values, read without keeping everybody else waiting."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from swsss.errors import UserError

MOST_VALUES = 2_000_000
"""Of one body in JSON: each takes many times the memory of its digits, and while they are read or written nothing else
runs; larger tensors are binary."""

PARSED_AT_ONCE = 2
"""Bodies that are parsed at a time, for the same reason."""

_Model = TypeVar("_Model", bound=BaseModel)


class _Collector:
    """Python's garbage collector, which stops everything while it walks through the millions of lists of a body."""

    def __init__(self) -> None:
        self._lock, self._pauses = Lock(), 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep it from running until the block ends, in all threads."""
        with self._lock:
            self._pauses += 1
            gc.disable()
        try:
            yield
        finally:
            with self._lock:
                self._pauses -= 1
                if not self._pauses:
                    gc.enable()


COLLECTOR = _Collector()


def parse_json(model: type[_Model], text: bytes) -> _Model:
    """Read JSON from outside into a pydantic model.

    Raises:
        UserError: The first thing that is wrong with it, or it has too many values.
    """
    if text.count(b",") + text.count(b"[") + text.count(b"{") > MOST_VALUES:
        raise UserError(f"The JSON holds more than {MOST_VALUES} values; send less, or tensors as binary data.")
    try:
        with COLLECTOR.paused():
            return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"The JSON is wrong{f' at {where[:100]}' if where else ''}: {first['msg']}.") from None
