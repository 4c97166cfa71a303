"""The clients of benchmarks/serve.py, in a process of their own: a closed loop of N clients over HTTP.

    python benchmarks/serve_load.py http://127.0.0.1:8001/v1/label orders.json --clients 32 --requests 400

orders.json is a list of {"image": file, "tags": [names], "mask": file}, taken in turn, round and round. A client sends
an image, waits for the answer, and sends the next. After a 503 it waits as long as Retry-After says and sends the image
again. Every mask is kept and compared with the file of its order once all is over. Prints JSON.
"""

import argparse
import asyncio
import io
import itertools
import json
import resource
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from PIL import Image

WARM_UP = 8
LONGEST_WAIT = 30.0
"""Of a Retry-After, seconds: longer ones are cut, so that a run ends."""


@dataclass(frozen=True)
class Order:
    """An image to send, with the query that names its tags, and the file its mask must equal."""

    image: bytes
    query: Sequence[tuple[str, str]]
    mask: Path


@dataclass
class Tally:
    """What happened."""

    statuses: Counter[str] = field(default_factory=Counter)
    masks: Counter[tuple[int, bytes]] = field(default_factory=Counter)
    first_to_mask: list[float] = field(default_factory=list)
    try_to_mask: list[float] = field(default_factory=list)
    without_retry_after: int = 0
    given_up: int = 0


@dataclass(frozen=True)
class Load:
    """Who sends how much: a run ends after `requests`, or when `seconds` are over and all answers are there."""

    url: str
    clients: int
    requests: int
    seconds: float
    tries: int

    async def run(self, orders: Sequence[Order]) -> tuple[Tally, float]:
        """Send everything; what happened, and the seconds it took."""
        tally, numbers = Tally(), iter(range(self.requests))
        # A connection that lies idle is dropped before uvicorn drops it (5 s), for a POST on it would be lost.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=4)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=180)) as session:
            started = time.perf_counter()
            clients = [self._client(session, orders, numbers, tally, started) for _ in range(self.clients)]
            await asyncio.gather(*clients)
            return tally, time.perf_counter() - started

    async def _client(
        self,
        session: aiohttp.ClientSession,
        orders: Sequence[Order],
        numbers: Iterator[int],
        tally: Tally,
        started: float,
    ) -> None:
        for number in numbers:
            if time.perf_counter() - started > self.seconds:
                return
            await self._ask(session, number % len(orders), orders, tally)

    async def _ask(self, session: aiohttp.ClientSession, index: int, orders: Sequence[Order], tally: Tally) -> None:
        first = time.perf_counter()
        for attempt in itertools.count(1):
            begun = time.perf_counter()
            status, wait, body = await self._send(session, orders[index])
            tally.statuses[status] += 1
            if status == "200":
                now = time.perf_counter()
                tally.masks[index, body] += 1
                tally.first_to_mask.append(now - first)
                tally.try_to_mask.append(now - begun)
                return
            tally.without_retry_after += status == "503" and not wait
            if status != "503" or attempt == self.tries:
                tally.given_up += 1
                return
            await asyncio.sleep(min(float(wait or 1), LONGEST_WAIT))

    async def _send(self, session: aiohttp.ClientSession, order: Order) -> tuple[str, str, bytes]:
        """Status or kind of failure, Retry-After and body."""
        headers = {"Content-Type": "image/jpeg"}
        try:
            async with session.post(self.url, params=order.query, data=order.image, headers=headers) as answer:
                return str(answer.status), answer.headers.get("Retry-After", ""), await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return type(error).__name__, "", b""


def read_orders(path: Path) -> list[Order]:
    """The images of a list, read."""
    return [
        Order(Path(order["image"]).read_bytes(), [("tags", tag) for tag in order["tags"]], Path(order["mask"]))
        for order in json.loads(path.read_text())
    ]


def compare(tally: Tally, orders: Sequence[Order]) -> dict[str, int]:
    """How many masks have the bytes of their file, and how many at least its pixels."""
    found = Counter({"equal_bytes": 0, "equal_pixels": 0})
    for (index, body), times in tally.masks.items():
        expected = orders[index].mask.read_bytes()
        found["equal_bytes"] += times * (body == expected)
        found["equal_pixels"] += times * (body == expected or pixels_equal(body, expected))
    return dict(found)


def pixels_equal(one: bytes, other: bytes) -> bool:
    """Whether two indexed or grey PNGs hold the same numbers."""
    first, second = (np.asarray(Image.open(io.BytesIO(data))) for data in (one, other))
    return np.array_equal(first, second)


def milliseconds(seconds: Sequence[float], percent: float) -> float | None:
    """A percentile, if there is anything."""
    return round(float(np.percentile(seconds, percent)) * 1000, 1) if seconds else None


def cpu_seconds() -> float:
    """Of this process, so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(load: Load, orders: Sequence[Order]) -> dict[str, Any]:
    """Warm the server up, put the load on it, and tell what happened."""
    asyncio.run(Load(load.url, min(load.clients, WARM_UP), WARM_UP, 60, 60).run(orders))
    before = cpu_seconds()
    tally, seconds = asyncio.run(load.run(orders))
    used = cpu_seconds() - before
    answered = len(tally.first_to_mask)
    return {
        "seconds": round(seconds, 3),
        "images_per_second": round(answered / seconds, 3),
        "p50_ms": milliseconds(tally.first_to_mask, 50),
        "p99_ms": milliseconds(tally.first_to_mask, 99),
        "accepted_p50_ms": milliseconds(tally.try_to_mask, 50),
        "accepted_p99_ms": milliseconds(tally.try_to_mask, 99),
        "answers": dict(sorted(tally.statuses.items())),
        "refused_without_retry_after": tally.without_retry_after,
        "images_without_mask": tally.given_up,
        "masks": answered,
        **compare(tally, orders),
        "clients_cpu_cores": round(used / seconds, 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("orders", type=Path)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--requests", type=int, default=10**9, help="images to send")
    parser.add_argument("--seconds", type=float, default=300, help="after them nothing new is sent")
    parser.add_argument("--tries", type=int, default=60, help="of an image that is refused with 503")
    options = parser.parse_args()
    load = Load(options.url, options.clients, options.requests, options.seconds, options.tries)
    print(json.dumps(measure(load, read_orders(options.orders))))


if __name__ == "__main__":
    main()
