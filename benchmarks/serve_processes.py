"""Programs of benchmarks/serve.py in processes of their own, and the memory they and their children hold."""

import http.client
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from serve_load import Order

_START_SECONDS = 120
_STOP_SECONDS = 20
_SAMPLE_SECONDS = 0.5


class Program:
    """A program that runs in a session of its own, by which its children are found. Used as a context."""

    def __init__(self, command: Sequence[object], folder: Path) -> None:
        self._told = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in __exit__
        self.process = subprocess.Popen(
            list(map(str, command)), stdout=self._told, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True
        )
        self.peak_mib = 0.0
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)

    def __enter__(self) -> "Program":
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._watcher.join()
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._signal(number)
        self._told.close()

    def told(self) -> str:
        """What it has printed."""
        self._told.seek(0)
        return self._told.read()

    def resident_mib(self) -> float:
        """What all its processes hold now; what they share counts once for each."""
        return self._memory("Rss")

    def cpu_seconds(self) -> float:
        """What its processes have computed so far; those that have ended do not count."""
        ticks = sum(int(stat[11]) + int(stat[12]) for _, stat in _stats() if int(stat[3]) == self.process.pid)
        return ticks / os.sysconf("SC_CLK_TCK")

    def _memory(self, kind: str) -> float:
        return sum(_kilobytes(process, kind) for process in members(self.process.pid)) / 1024

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLE_SECONDS):
            self.peak_mib = max(self.peak_mib, self._memory("Pss"))

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to its whole session, and wait until all of it is gone, for a while."""
        for process in members(self.process.pid):
            try:
                os.kill(process, number)
            except ProcessLookupError:
                continue
        until = time.monotonic() + _STOP_SECONDS
        while members(self.process.pid) and time.monotonic() < until:
            time.sleep(0.05)
        self.process.poll()  # or a zombie stays


class Server(Program):
    """A server on a port of 127.0.0.1; as a context it is entered once it answers.

    Args:
        command: Without `--port`.
        folder: Where it runs.
        order: An image it is tried with.
    """

    def __init__(self, command: Sequence[object], folder: Path, order: Order) -> None:
        self.port = free_port()
        self.order = order
        super().__init__([*command, "--port", self.port], folder)

    @property
    def url(self) -> str:
        """Where images are sent."""
        return f"http://127.0.0.1:{self.port}/v1/label"

    def __enter__(self) -> "Server":
        super().__enter__()
        try:
            self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _wait(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{self.process.args} does not serve:\n{self.told()}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            path = "/v1/label?" + urllib.parse.urlencode(self.order.query)
            connection.request("POST", path, self.order.image, {"Content-Type": "image/jpeg"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def members(session: int) -> list[int]:
    """Processes of a session that are no zombies."""
    return [process for process, stat in _stats() if int(stat[3]) == session and stat[0] != "Z"]


def _stats() -> Iterator[tuple[int, list[str]]]:
    """Every process, and what proc(5) lists under `stat` from the state on."""
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                yield int(path.name), (path / "stat").read_text().rpartition(") ")[2].split()
            except OSError:  # it has just ended
                continue


def _kilobytes(process: int, kind: str) -> int:
    """Rss, or Pss, which counts what several processes share once."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(rf"^{kind}: +(\d+) kB", text, re.MULTILINE)
    return int(found[1]) if found else 0
