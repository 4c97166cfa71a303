"""Who follows a labelling run: told what happens, asked whether to go on."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Protocol

from swsss.progress import Bar
from swsss.serve.folder import LabelsFolder
from swsss.serve.plan import Item
from swsss.serve.records import Failed, Labelled
from swsss.signals import stop_signals


class Follower(Protocol):
    """Follows one run; everything is called in the thread that runs it."""

    def tell(self, line: str) -> None:
        """Take a line for the user."""
        ...

    def begin(self, folder: LabelsFolder, todo: int, earlier: int) -> None:
        """The folder is held; `todo` images are to be labelled, `earlier` are already."""
        ...

    def done(self, item: Item, row: Labelled | Failed) -> None:
        """An image was labelled, or could not be."""
        ...

    def saved(self) -> None:
        """All that was told of so far is on the disk."""
        ...

    def stop(self) -> bool:
        """Whether to stop after the images that are being labelled."""
        ...

    def finishing(self) -> None:
        """No image is left; manifest, formats and report are to be made, which `stop` does not stop."""
        ...

    def converting(self, done: int, total: int) -> None:
        """So many masks are written in the other formats."""
        ...


class Terminal:
    """The person at the terminal: a bar; Ctrl-C once stops after what has begun, twice at once.

    Args:
        tell: Prints a line.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell = tell
        self._shown = ExitStack()
        self._bar: Bar | None = None
        self._stop: Callable[[], bool] = lambda: False
        self._count = 0

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self._shown.close()

    def begin(self, folder: LabelsFolder, todo: int, earlier: int) -> None:
        """See `Follower`."""
        if earlier:
            self.tell(f"{earlier} of {todo + earlier} images are labelled already.")
        self._stop = self._shown.enter_context(stop_signals())
        self._bar = self._shown.enter_context(Bar("labelling", todo))

    def done(self, item: Item, row: Labelled | Failed) -> None:
        """See `Follower`."""
        self._count += 1
        if self._bar is not None:
            self._bar.counted_at_rate(self._count)

    def saved(self) -> None:
        """Nothing to do: the bar does not promise what is saved."""

    def stop(self) -> bool:
        """Whether a signal has come."""
        return self._stop()

    def finishing(self) -> None:
        """See `Follower`."""
        self._shown.close()
        self._bar = None

    def converting(self, done: int, total: int) -> None:
        """See `Follower`."""
        if self._bar is None:
            self._bar = self._shown.enter_context(Bar("converting", total))
        self._bar.update(done)
