"""A process killed at any moment of a correction leaves a mask and a row that fit each other."""

import random
import subprocess
import sys
import time
from pathlib import Path

from swsss.data.images import read_mask
from swsss.serve.records import Labelled
from swsss.serve.server.jobs.index import Index

CORRECTING = """
import itertools, sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from swsss.serve.server.jobs.corrections import Corrections
from swsss.serve.server.jobs.index import Index
from swsss.serve.server.jobs.records import Job, Wishes
from swsss.serve.server.service import Answer

folder = Path(sys.argv[1])
index = Index(folder / "index.sqlite")
job = Job("0", Wishes(), "folder", folder, None)
files = SimpleNamespace(folder_of=lambda _: folder)
desk = SimpleNamespace(get=lambda _: job, files=files, index_of=lambda _: index)
corrections = Corrections(SimpleNamespace(desk=desk), None)
print("ready", flush=True)
for number in itertools.count(2):
    mask = np.full((4, 4), number % 200 + 2, np.uint8)
    answer = Answer("a.jpg", (number % 200 + 2,), mask, mask)
    corrections._keep(job, index.item(1), answer, "accepted", None)
"""


def test_killed__mask_and_row_fit(tmp_path):
    index = Index(tmp_path / "index.sqlite")
    index.add([Labelled("a.jpg", "a.png", 4, 4, (1,), {1: 16}, {1: 0.5}, 0.5)])
    revision, moments = 0, random.Random(5)
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-P", "-c", CORRECTING, tmp_path], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout.readline() == "ready\n"
            time.sleep(moments.uniform(0, 0.15))
            process.kill()
        item = index.item(1)
        assert item.revision >= revision
        revision = item.revision
        if item.changed:
            mask = read_mask(tmp_path / "reviewed" / "masks" / item.reviewed)
            assert {str(index): 16 for index in item.tags} == item.pixels == {str(mask[0, 0]): 16}
            assert item.verdict == "accepted"
    assert revision > 5
    assert len(list(Path(tmp_path / "reviewed" / "masks" / "1").glob("*.png"))) <= 4, "what is not needed goes"
