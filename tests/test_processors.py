"""Cores that the CPU quota of a container leaves, from made-up control groups."""

import os

import pytest
import torch

from swsss import predict
from swsss.processors import usable_cores
from swsss.serve.settings import cores

V2, V1 = "0::{}\n", "3:memory:/\n2:cpu,cpuacct:{}\n0::/\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of 8 cores with the given control groups."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))

    def make(groups, files):
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "self" / "cgroup").write_text(groups)
        for name, text in files.items():
            path = tmp_path / "sys" / "fs" / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        return tmp_path

    return make


def v1(folder, quota):
    return {f"cpu,cpuacct{folder}/cpu.cfs_quota_us": quota, f"cpu,cpuacct{folder}/cpu.cfs_period_us": "100000"}


CASES = {
    "v2": (V2.format("/"), {"cpu.max": "200000 100000"}, 2),
    "v2, another period": (V2.format("/"), {"cpu.max": "30000 10000"}, 3),
    "v2, no quota": (V2.format("/"), {"cpu.max": "max 100000"}, 8),
    "v2, part of a core": (V2.format("/"), {"cpu.max": "50000 100000"}, 1),
    "v2, one and a half": (V2.format("/"), {"cpu.max": "150000 100000"}, 2),
    "v2, more than there is": (V2.format("/"), {"cpu.max": "6400000 100000"}, 8),
    "v2, of a group around it": (
        V2.format("/a.slice/b"),
        {"a.slice/cpu.max": "400000 100000", "a.slice/b/cpu.max": "max 100000"},
        4,
    ),
    "v2, the smallest": (V2.format("/a/b"), {"a/cpu.max": "300000 100000", "a/b/cpu.max": "500000 100000"}, 3),
    "v2, a path of the host": (V2.format("/system/docker-1"), {"cpu.max": "200000 100000"}, 2),
    "v2, a path outside": (V2.format("/../other"), {"cpu.max": "200000 100000"}, 2),
    "v1": (V1.format("/"), v1("", "200000"), 2),
    "v1, no quota": (V1.format("/"), v1("", "-1"), 8),
    "v1, of a group": (V1.format("/docker/1"), v1("/docker/1", "300000"), 3),
    "v1, a path of the host": (V1.format("/docker/1"), v1("", "250000"), 3),
    "damaged": (V2.format("/"), {"cpu.max": "many 0"}, 8),
    "a period of 0": (V2.format("/"), {"cpu.max": "100000 0"}, 8),
    "no control groups": ("", {}, 8),
}


@pytest.mark.parametrize(("groups", "files", "expected"), CASES.values(), ids=CASES)
def test_usable_cores(machine, groups, files, expected):
    assert usable_cores(machine(groups, files)) == expected


def test_usable_cores__no_linux(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores(tmp_path) == 6


@pytest.mark.parametrize(("threads", "processes", "expected"), [(8, 1, 3), (8, 2, 1), (8, 4, 1), (2, 1, 2)])
def test_fit_threads__never_more_than_before(monkeypatch, threads, processes, expected):
    monkeypatch.setattr(predict, "usable_cores", lambda: 3)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        predict.fit_threads(processes)
        assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)


def test_cores__of_the_labeller():
    assert cores() == usable_cores()
