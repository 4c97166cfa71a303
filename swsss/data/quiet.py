"""Keeps decoders written in C off the terminal."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def quiet_decoders() -> Iterator[None]:
    """Drop what C libraries write to standard error, as libjpeg does about every picture that is damaged inside.

    What Python writes to `sys.stderr` still gets there. This holds for the whole process and its children: enter it
    once, in the command, before anything keeps a reference to `sys.stderr`.
    """
    before = sys.stderr
    with (
        open(os.dup(2), "w", buffering=1, encoding=before.encoding, errors=before.errors) as terminal,
        open(os.devnull, "wb") as nowhere,
    ):
        if _is_standard_error(before):
            sys.stderr = terminal
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr = before
            os.dup2(terminal.fileno(), 2)


def _is_standard_error(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 2
    except OSError:  # a buffer in memory
        return False
