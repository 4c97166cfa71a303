"""A server among enemies: no 5xx, no memory beyond its budget, and it stays awake."""

import subprocess
import sys
import time
from pathlib import Path

from clients import encoded
from hostile import hostile
from serving import Client, address_of

REFUSALS = {503, 507}
"""5xx that are answers: too much at once, no room."""

GIB = 1 << 30
_PROBE = """
import signal, sys, time, urllib.request
worst, ended = 0.0, []
signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
while not ended:
    started = time.monotonic()
    with urllib.request.urlopen(sys.argv[1]) as answer:
        assert answer.status == 200
    if not worst:
        print("ready", flush=True)
    worst = max(worst, time.monotonic() - started)
    time.sleep(0.01)
print(worst)
"""


def test_server__among_enemies(start, model_file, tmp_path, full_faults):
    """Requests, images and archives; in `make faults` 1000 of them, and `/healthz` answers in 200 ms throughout."""
    started = start(
        *("swsss-serve", "--model", model_file, "--data", tmp_path / "data", "--port", 0),
        *("--device", "cpu", "--threads", 1, "--max-memory", 0.5, "--max-pixels", 20, "--max-upload", 8),
    )
    address = address_of(started)
    client = Client(address)
    warm_up(client)
    before, slowest = memory(started.process.pid), 0.0
    with Prober(f"{address}/healthz") as probe:
        for number, send in enumerate(hostile(1000 if full_faults else 120, seed=11)):
            answer = send(client)
            if answer is not None:
                assert answer.status_code < 500 or answer.status_code in REFUSALS, (number, answer.text)
            if number % 30 == 29:
                clear(client)
        slowest = probe.slowest()
    clear(client)
    assert client.get("/v1/info").status_code == 200
    grown = memory(started.process.pid) - before
    assert grown < 0.6 * GIB, f"{grown / GIB:.2f} GiB more at the peak than before"
    print(f"slowest /healthz: {1000 * slowest:.0f} ms; {grown / GIB:.2f} GiB more memory at the peak")
    if full_faults:
        assert slowest < 0.2
    started.process.terminate()
    told = started.ended()
    assert "Traceback" not in told
    assert "request failed" not in told


def warm_up(client):
    """Label a picture of each size there is, so that what is loaded once is loaded."""
    for number in range(4):
        assert client.label(encoded(number), tags="cat").status_code == 200


def clear(client):
    """Wait for the jobs that came of it, and delete them."""
    while jobs := client.get("/v1/jobs").json()["jobs"]:
        for job in jobs:
            if job["state"] in {"done", "failed", "cancelled"}:
                assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
        time.sleep(0.05)


def memory(process):
    """The most memory a process has held, in bytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


class Prober:
    """A process of its own that asks an address again and again, and tells how long it ever took."""

    def __init__(self, address):
        self._process = subprocess.Popen([sys.executable, "-c", _PROBE, address], stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        assert self._process.stdout.readline()
        return self

    def slowest(self):
        self._process.terminate()
        return float(self._process.stdout.read().splitlines()[-1])

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
