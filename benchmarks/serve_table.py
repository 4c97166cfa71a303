"""The figures of benchmarks/serve.py as markdown, and the versions they are of."""

import importlib.metadata
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_LITSERVE = ("litserve", "onnxruntime", "fastapi", "uvicorn")
_HEAD = (
    "| clients | | images/s | of swsss-label | p50, ms | p99, ms | p99 of the accepted try, ms | peak memory, MiB "
    "| 200 / 503 / other | no mask | masks: equal bytes / pixels "
    "| server's CPU, ms an image | clients' CPU, cores |"
)


def versions(litserve_python: Path | None) -> dict[str, Any]:
    """Of the servers' libraries."""
    names = ["fastapi", "uvicorn", "aiohttp"]
    found: dict[str, Any] = {name: importlib.metadata.version(name) for name in names}
    if litserve_python:
        code = f"import importlib.metadata as m; print(*(m.version(name) for name in {_LITSERVE}))"
        told = subprocess.run([litserve_python, "-c", code], capture_output=True, text=True, check=True).stdout
        found["litserve's venv"] = dict(zip(_LITSERVE, told.split(), strict=True))
    return found


def markdown(told: Mapping[str, Any]) -> str:
    """Everything that was measured."""
    return "\n".join(_lines(told)) + "\n"


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield from ("# swsss-serve under load", "", f"    {told['command']}", "")
    for name, value in told["machine"].items():
        if value is not None:
            text = ", ".join(f"{key} {version}" for key, version in value.items()) if isinstance(value, dict) else value
            yield f"- {name}: {text}"
    yield from ("", *_NOTES.format(rounds=told["rounds"]).splitlines())
    for model in told["models"]:
        yield from ("", f"## {model['model']}")
        if model["load"]:
            yield from _load(model["load"])
        if "at_once" in model:
            yield from _at_once(model["at_once"])
        if "soak" in model:
            yield from _soak(model["soak"])


_NOTES = """\
One server at a time, in a process of its own and started anew for every figure; medians of {rounds} rounds in which all
take turns (ratios: of each round, then the median), numbers of answers added up. All sessions: ONNX Runtime on the CPU,
as many threads as cores, which do not spin while they wait (for the peers no slower than spinning), no memory patterns;
peers decode and encode with OpenCV, so that their PNGs are grey and have other bytes. p50 and p99: from the first try
to the mask, waits after a 503 included. Memory: PSS of the server and its children, looked at every half second."""


def _load(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield from ("", _HEAD, "|---|---" + "|---:" * 11 + "|")
    for row in rows:
        for name, found in row["contenders"].items():
            yield _row(row["clients"], name, found, row["ratios"].get(f"{name} / swsss-label"))
    yield ""
    for row in rows:
        ours = {name: value for name, value in row["ratios"].items() if name.startswith("swsss-serve / ")}
        if ours:
            yield f"- {row['clients']} clients: " + ", ".join(f"{name} {value}" for name, value in ours.items())


def _row(clients: int, name: str, found: Mapping[str, Any], ratio: float | None) -> str:
    cells: list[object] = [clients, name, f"{found['images_per_second']:.2f}"]
    if "answers" not in found:
        return "| " + " | ".join(map(str, [*cells, "1", "", "", "", found["peak_mib"], "", "", "", "", ""])) + " |"
    cells += [ratio, found["p50_ms"], found["p99_ms"], found["accepted_p99_ms"], found["peak_mib"]]
    cells += [_answers(found), found["images_without_mask"], _equal(found)]
    cells += [found["server_cpu_ms_an_image"], found["clients_cpu_cores"]]
    return "| " + " | ".join(map(str, cells)) + " |"


def _answers(found: Mapping[str, Any]) -> str:
    answers = dict(found["answers"])
    given, refused = answers.pop("200", 0), answers.pop("503", 0)
    others = ", ".join(f"{times} {status}" for status, times in answers.items()) or "0"
    silent = f" ({found['refused_without_retry_after']} without Retry-After)"
    return f"{given} / {refused}{silent if found['refused_without_retry_after'] else ''} / {others}"


def _equal(found: Mapping[str, Any]) -> str:
    return f"{found['equal_bytes']} / {found['equal_pixels']} of {found['masks']}"


def _at_once(found: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield (
        f"{found['sent']} photos at one moment, each sent once: 200 / 503 / other {_answers(found)}; masks with equal "
        f"bytes / pixels {_equal(found)}; {found['images_per_second']:.2f} images/s, p99 {found['p99_ms']} ms, peak "
        f"memory {found['peak_mib']} MiB."
    )


def _soak(found: Mapping[str, Any]) -> Iterator[str]:
    memory = ", ".join(f"{name} {value}" for name, value in found["resident_mib"].items())
    yield ""
    yield (
        f"Photos of eight sizes from {found['clients']} clients for {found['seconds']:.0f} s: {found['masks']} masks, "
        f"{found['images_per_second']:.2f} images/s, 200 / 503 / other {_answers(found)}; masks with equal "
        f"bytes / pixels {_equal(found)}. Resident memory, MiB: {memory}; {found['mib_per_hour']} MiB an hour, "
        f"{found['mib_per_hour_after_first_quarter']} after the first quarter."
    )
