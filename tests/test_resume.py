"""A run that is killed, or stopped, and started again ends with the bytes of an undisturbed one."""

import csv
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from commands import invoke, message

from swsss.inputs import prepare
from swsss.run import begin_run
from swsss.training.selection import look_steps

STEPS = {"stage1": 12, "stage2": 8}


def contents(folder, pattern):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.glob(pattern))}


def rows(folder, stage):
    """The log without the one column that is about time."""
    with (folder / stage / "log.csv").open(newline="") as file:
        return [
            {key: value for key, value in row.items() if key != "images_per_second"} for row in csv.DictReader(file)
        ]


def scores(folder):
    """What the run found, without the seconds it took."""
    results = json.loads((folder / "results.json").read_text())
    assert results.pop("seconds").keys() == STEPS.keys()
    return results


def saved_step(folder, stage):
    """The step of a state, which must load whole; None when there is none."""
    path = folder / stage / "state.pt"
    return torch.load(path, weights_only=True)["step"] if path.is_file() else None


def test_train__killed_in_every_stage(start, order, finished, tmp_path):
    out = tmp_path / "run"
    # The moment itself is chance: how far the process gets between what is seen and the signal.
    delay = random.Random()
    moments = [
        ("stage1", (out / "stage1" / "state.pt").is_file, "hybridnet.safetensors"),
        ("labels", (out / "labels" / "source.json").is_file, "final.safetensors"),
        ("stage2", (out / "stage2" / "state.pt").is_file, "final.safetensors"),
    ]
    for stage, reached, not_yet in moments:
        command = start("swsss-train", "all", *order, "--out", out)
        command.when(reached)
        time.sleep(delay.uniform(0, 0.1))
        command.process.kill()
        assert command.process.wait() == -signal.SIGKILL
        assert not (out / not_yet).exists(), "killed too late to say anything"
        if stage in STEPS:
            assert saved_step(out, stage) in range(2, STEPS[stage] + 1)
    start("swsss-train", "all", *order, "--out", out).ended()

    assert len(contents(finished, "*.safetensors")) == 3
    assert contents(out, "*.safetensors") == contents(finished, "*.safetensors")
    assert len(contents(finished, "labels/**/*.png")) == 12
    assert contents(out, "labels/**/*.png") == contents(finished, "labels/**/*.png")
    assert contents(out, "*/previews/*.png") == contents(finished, "*/previews/*.png")
    assert scores(out) == scores(finished)
    for stage, steps in STEPS.items():
        assert [int(row["step"]) for row in rows(out, stage)] == sorted(
            {*range(2, steps + 1, 2), *look_steps(steps, 4)}
        )
        assert rows(out, stage) == rows(finished, stage)
    assert not list(out.rglob("*.tmp"))
    assert not list(out.rglob("state.pt"))


def test_train__ctrl_c(start, order, finished, tmp_path):
    out = tmp_path / "run"
    # No checkpoint is due, so the only state there can be is that of the stop.
    rarely = ["--set", "run.checkpoint_every=1000", "--set", "run.preview_every=3"]
    command = start("swsss-train", "stage1", *order, "--out", out, *rarely)
    command.when((out / "stage1" / "previews" / "000003.png").is_file)
    # To the whole group, as a terminal does: the loader's processes get it, too.
    os.killpg(command.process.pid, signal.SIGINT)
    told = command.ended(130)
    assert "Traceback" not in told
    message = re.search(r"Stopped after step (\d+) of 12 \(stage1\); the same command goes on there", told)
    assert message, told
    assert saved_step(out, "stage1") == int(message[1]) < 12
    assert rows(out, "stage1")[-1]["step"] == message[1]

    start("swsss-train", "stage1", *order, "--out", out).ended()
    weights = contents(out, "*.safetensors")
    assert weights.keys() == {"hybridnet.safetensors", "pseudonet.safetensors"}
    assert weights.items() <= contents(finished, "*.safetensors").items()


def test_train__ctrl_c_outside_a_stage(order, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("swsss.pipeline.prepare", interrupted)
    result = invoke("swsss-train all", *order, "--out", tmp_path / "run")
    assert result.exit_code == 130
    assert "the same command goes on" in result.output


def test_write_whole__killed(tmp_path):
    """The file is old or new, never a part, whenever the process dies."""
    path = tmp_path / "state.pt"
    code = (
        "import sys; from pathlib import Path; from swsss.data.files import write_whole\n"
        "for n in range(1_000_000): write_whole(Path(sys.argv[1]), bytes([n % 256]) * 3_000_000)"
    )
    seen = set()
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", code, str(path)])
        before = path.stat().st_mtime_ns if path.exists() else 0
        while not path.exists() or path.stat().st_mtime_ns == before:
            assert process.poll() is None
        time.sleep(random.uniform(0, 0.05))
        process.kill()
        process.wait()
        held = path.read_bytes()
        assert len(held) == 3_000_000
        assert len(set(held)) == 1
        seen.add(held[0])
    assert seen


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (["--set", "stage1.lr=0.02"], "stage1.lr was 0.01, is 0.02"),
        (["--set", "net.dropout=0", "--set", "seed=3"], "net.dropout was 0.1, is 0.0; seed was 0, is 3"),
    ],
)
def test_train__resumed_with_other_settings(order, finished, change, told):
    before = contents(finished, "**/*.*")
    assert told in message(invoke("swsss-train all", *order, "--out", finished, *change))
    assert contents(finished, "**/*.*") == before


def test_train__resumed_with_other_data(order, finished, copied):
    tags = copied / "tags.csv"
    first, second, *rest = tags.read_text().splitlines()
    name = second.partition(",")[0]
    tags.write_text("\n".join([first, f"{name},starfish", *rest]))
    told = message(invoke("swsss-train all", *order, "--out", finished, "--data", copied))
    assert told == f"The images, masks or tags have changed since the run in {finished} began; choose another --out."


@pytest.mark.parametrize("damage", ["empty", "cut short", "other net", "no state"])
def test_train__damaged_state(order, finished, tmp_path, damage):
    out = tmp_path / "run"
    state = out / "stage1" / "state.pt"
    state.parent.mkdir(parents=True)
    for name in ("config.toml", "run.json"):
        shutil.copy(finished / name, out)
    torch.save({"step": 3, **({"module": {"weight": torch.ones(2)}} if damage == "other net" else {})}, state)
    if damage in {"empty", "cut short"}:
        os.truncate(state, 0 if damage == "empty" else 200)
    told = message(invoke("swsss-train all", *order, "--out", out))
    assert told.startswith(f"{state} cannot be resumed from (")
    assert told.endswith("); delete it to start this stage again.")


def test_begin_run__killed_before_it_began(tiny_config, dataset, tmp_path):
    inputs = prepare(dataset, tiny_config.data)
    (tmp_path / "config.toml").write_text("half of another conf")
    (tmp_path / ".run.json.123.tmp").write_text("{")
    begin_run(tmp_path, tiny_config, inputs, dataset.root)
    assert (tmp_path / "config.toml").read_text() == tiny_config.to_toml()
    assert {path.name for path in tmp_path.iterdir()} == {"config.toml", "run.json"}
