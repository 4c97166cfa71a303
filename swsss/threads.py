"""Work done ahead in threads."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")

THREADS, DEPTH = 2, 8
"""What keeps one consumer busy with images and masks, and the memory small."""


@contextmanager
def ahead(function: Callable[[In], Out], items: Iterable[In], threads: int, depth: int) -> Iterator[Iterator[Out]]:
    """`map` that computes results ahead in threads; they come in the order of the items.

    When the block ends, for whatever reason, what has not begun is dropped and what has is waited for.

    Args:
        function: Called in a thread; what it raises is raised when the turn of its item comes.
        items: Taken one by one in this thread, `depth` ahead.
        threads: How many.
        depth: Results, finished or not, held at a time.
    """
    pool = ThreadPoolExecutor(threads)

    def results() -> Iterator[Out]:
        iterator = iter(items)
        waiting: deque[Future[Out]] = deque(pool.submit(function, item) for item in islice(iterator, depth))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(iterator, 1))

    try:
        yield results()
    finally:
        pool.shutdown(cancel_futures=True)
