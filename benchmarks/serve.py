r"""`swsss-serve` under load, next to servers as one would write them at first, in turns in one run.

    python benchmarks/serve.py IMAGES --labels tags.csv --model fp32.onnx --model int8.onnx \
        --litserve-python LITSERVE/bin/python --at-once 1000 --soak 600 --out benchmarks/results/serve.json

Real processes on 127.0.0.1: one server at a time, started anew for every figure; the clients in another process, a
closed loop (benchmarks/serve_load.py). In each round, for each number of clients, these take turns:

- `swsss-label` over the same photos, the reference: its rate as it tells it, the model loaded before;
- `swsss-serve`;
- FastAPI with the session in an `async def` endpoint, and in a `def` endpoint (benchmarks/serve_peers.py);
- LitServe (benchmarks/serve_litserve.py), with --litserve-python: a Python that has litserve and onnxruntime.

Ratios are of one round, and the median of the rounds counts. Every mask is compared with what `swsss-label` wrote.
--at-once: that many photos sent to `swsss-serve` at one moment, once. --soak: photos of eight sizes from 16 clients
for so many seconds, and its memory. Without --model (but with --classes) random ones are made. LitServe's venv:

    python -m venv LITSERVE && LITSERVE/bin/pip install litserve onnxruntime opencv-python-headless
"""

import argparse
import json
import shlex
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from label import machine
from serve_load import WARM_UP
from serve_processes import Server
from serve_soak import all_at_once, send, soak
from serve_table import markdown, versions
from serve_work import BIN, Work, prepare, random_models, resize

HERE = Path(__file__).resolve().parent
OURS, REFERENCE = "swsss-serve", "swsss-label"


def servers(options: argparse.Namespace, model: Path) -> dict[str, list[object]]:
    """Commands that serve a model, but for the port."""
    peers = [sys.executable, HERE / "serve_peers.py"]
    found: dict[str, list[object]] = {
        OURS: [BIN / "swsss-serve", "--device", "cpu", *shlex.split(options.serve_options)],
        "FastAPI, async def": [*peers, "async"],
        "FastAPI, def": [*peers, "threads"],
    }
    if options.litserve_python:
        found["LitServe"] = [options.litserve_python.absolute(), HERE / "serve_litserve.py"]
    return {name: [*command, "--model", model.resolve()] for name, command in found.items()}


def load(command: Sequence[object], work: Work, clients: int, requests: int) -> dict[str, Any]:
    """What a fresh server does under load."""
    with Server(command, work.folder, work.first()) as server:
        before = server.cpu_seconds()
        told = send(server, work, clients=clients, requests=requests)
        used = (server.cpu_seconds() - before) / (told["masks"] + WARM_UP)
        return {**told, "server_cpu_ms_an_image": round(used * 1000, 1), "peak_mib": round(server.peak_mib, 1)}


def round_of(commands: Mapping[str, Sequence[object]], work: Work, clients: int, requests: int) -> dict[str, Any]:
    """One figure of each, one after the other."""
    labels = work.folder / "again"
    shutil.rmtree(labels, ignore_errors=True)
    found = {REFERENCE: work.label(labels)}
    for name, command in commands.items():
        found[name] = load(command, work, clients, requests)
        told = {key: found[name][key] for key in ("images_per_second", "server_cpu_ms_an_image", "p99_ms", "answers")}
        print(f"{work.model.stem}, {clients} clients, {name}: {told}", flush=True)
    return found


def together(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The rounds of one contender as one: medians; numbers of answers and masks are added up."""
    row: dict[str, Any] = {}
    for key, first in rounds[0].items():
        values = [found[key] for found in rounds if found[key] is not None]
        if isinstance(first, dict):
            row[key] = dict(sum(map(Counter, values), Counter()))
        elif isinstance(first, int):
            row[key] = sum(values)
        else:
            row[key] = round(median(values), 3) if values else None
    row["images_per_second_by_round"] = [found["images_per_second"] for found in rounds]
    return row


def ratios(rounds: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Images/s against the reference, and ours against every peer: the median of the rounds."""
    servers = [name for name in rounds[0] if name != REFERENCE]
    pairs = [(name, REFERENCE) for name in servers] + [(OURS, name) for name in servers if name != OURS]
    return {
        f"{one} / {other}": round(
            median(x[one]["images_per_second"] / x[other]["images_per_second"] for x in rounds), 3
        )
        for one, other in pairs
        if one in rounds[0]
    }


def under_load(
    options: argparse.Namespace, commands: Mapping[str, Sequence[object]], work: Work
) -> list[dict[str, Any]]:
    """Figures for every number of clients."""
    commands = {name: command for name, command in commands.items() if not options.only or name in options.only}
    rounds: dict[int, list[dict[str, Any]]] = {clients: [] for clients in options.clients}
    for number in range(options.rounds):
        # Every other round backwards, so that nobody always comes after the same one.
        order = dict(list(commands.items())[:: -1 if number % 2 else 1])
        for clients in options.clients:
            requests = options.requests or (200 if clients == 1 else 400)
            rounds[clients].append(round_of(order, work, clients, requests))
    return [
        {
            "clients": clients,
            "contenders": {name: together([x[name] for x in found]) for name in (REFERENCE, *commands)},
            "ratios": ratios(found),
        }
        for clients, found in rounds.items()
        if found
    ]


def case(options: argparse.Namespace, model: Path, folder: Path) -> dict[str, Any]:
    """Everything about one model."""
    work = prepare(options.images, options.labels, model, folder, options.count)
    commands = servers(options, model)
    told: dict[str, Any] = {"model": model.name, "load": under_load(options, commands, work)}
    if options.at_once:
        told["at_once"] = all_at_once(commands[OURS], work, options.at_once)
        print(f"{model.stem}, {options.at_once} at once: {told['at_once']['answers']}", flush=True)
    if options.soak:
        told["soak"] = soak(commands[OURS], resize(work, folder / "soak"), options.soak_clients, options.soak)
        print(f"{model.stem}, soak: {told['soak']['resident_mib']}", flush=True)
    return told


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--model", type=Path, action="append", default=[])
    parser.add_argument("--classes", type=Path, help="classes.txt of the tags, for models of random weights")
    parser.add_argument("--litserve-python", type=Path)
    parser.add_argument("--serve-options", default="", help="more options of swsss-serve, in one argument")
    parser.add_argument("--only", nargs="*", help="these servers")
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8, 32, 128])
    parser.add_argument(
        "--requests", type=int, default=0, help="photos sent for a figure; 0: 200 at 1 client, else 400"
    )
    parser.add_argument("--count", type=int, default=200, help="different photos")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=0)
    parser.add_argument("--soak", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--soak-clients", type=int, default=16)
    parser.add_argument("--out", type=Path, help="JSON; the table goes beside it as .md")
    return parser.parse_args()


def main() -> None:
    """Measure, print, store."""
    options = parse()
    if not options.litserve_python:
        print("LitServe is left out: name a Python that has it with --litserve-python.")
    told = {
        "command": shlex.join(["python", *sys.argv]),
        "machine": {**machine(argparse.Namespace(device="cpu")), **versions(options.litserve_python)},
        "rounds": options.rounds,
        "models": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        for model in options.model or random_models(options, Path(folder)):
            told["models"].append(case(options, model, Path(folder) / f"of {model.stem}"))
            if options.out:
                options.out.write_text(json.dumps(told, indent=1) + "\n")
                options.out.with_suffix(".md").write_text(markdown(told))
    print(markdown(told))


if __name__ == "__main__":
    main()
