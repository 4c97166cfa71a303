"""The index of a job: what runs and people say of its images, and what becomes of the one when the other changes."""

import os
import sqlite3
import subprocess
import sys
import threading

import pytest

from swsss.serve.records import Failed, Labelled
from swsss.serve.server.jobs.changes import Correction, Outdated
from swsss.serve.server.jobs.index import Counts, Index
from swsss.serve.server.jobs.rows import Query

FORMAT_1 = """
CREATE TABLE images (
    number INTEGER PRIMARY KEY, image TEXT NOT NULL UNIQUE, state TEXT NOT NULL, mask TEXT NOT NULL DEFAULT '',
    width INTEGER NOT NULL DEFAULT 0, height INTEGER NOT NULL DEFAULT 0,
    tags TEXT NOT NULL DEFAULT 'null', original_tags TEXT NOT NULL DEFAULT 'null',
    found TEXT NOT NULL DEFAULT '[]', not_found TEXT NOT NULL DEFAULT '[]', missing INTEGER NOT NULL DEFAULT 0,
    confidence REAL NOT NULL DEFAULT 0, pixels TEXT NOT NULL DEFAULT '{}', class_confidence TEXT NOT NULL DEFAULT '{}',
    stage TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
    verdict TEXT NOT NULL DEFAULT '', changed INTEGER NOT NULL DEFAULT 0, version INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE present (class INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (class, number)) WITHOUT ROWID;
INSERT INTO images (number, image, state, mask, width, height, tags, original_tags, found, not_found, missing, pixels,
    verdict, changed, version) VALUES
    (1, 'a.jpg', 'labelled', 'a.png', 4, 4, '[2]', '[1, 2]', '[2]', '[]', 0, '{"0": 8, "2": 8}', 'accepted', 1, 3),
    (2, 'b.jpg', 'labelled', 'b.png', 4, 4, '[1, 2]', '[1, 2]', '[1]', '[2]', 1, '{"0": 8, "1": 8}', 'accepted', 0, 1),
    (3, 'c.jpg', 'failed', '', 0, 0, 'null', 'null', '[]', '[]', 0, '{}', '', 0, 1);
"""


@pytest.fixture
def index(tmp_path):
    """Two images, the first accepted."""
    index = Index(tmp_path / "index.sqlite")
    index.add([row("a"), row("b")], {"a.jpg": "1a", "b.jpg": "1b"}.__getitem__)
    index.correct(1, Correction("accepted"))
    return index


def row(name, tags=(1, 2), pixels=8):
    return Labelled(f"{name}.jpg", f"{name}.png", 4, 4, tags, {0: 16 - pixels, 1: pixels}, {0: 0.5, 1: 0.5}, 0.5)


def test_same_mask_again__nothing_changes(index):
    before = index.item(1)
    assert (before.verdict, before.version, before.revision) == ("accepted", 1, 2)
    index.add([row("a")], lambda image: "1a")
    assert index.item(1) == before


@pytest.mark.parametrize("again", [row("a"), Failed("a.jpg", "decode", "It is damaged.")])
def test_another_mask__the_verdict_goes(index, again):
    before, other = index.item(1), index.item(2)
    index.add([again], lambda image: "2a")
    item = index.item(1)
    assert (item.verdict, item.version, item.revision) == ("", before.version + 1, before.revision + 1)
    assert item.state == ("failed" if isinstance(again, Failed) else "labelled")
    assert index.item(2) == other
    assert index.counts() == Counts()


def test_failed__nothing_is_left_of_the_label(index):
    index.add([Failed("a.jpg", "decode", "It is damaged.")])
    item = index.item(1)
    assert (item.found, item.pixels, item.reason) == ([], {}, "It is damaged.")
    assert [found.image for found in index.items(Query(**{"class": 1}))[1]] == ["b.jpg"]


@pytest.mark.parametrize("again", [row("a", pixels=3), Failed("a.jpg", "decode", "It is damaged.")])
def test_other_tags__outlive_a_run(index, again):
    index.correct(1, Correction("accepted", row("a", (2,)), "1/x.png"))
    before = index.item(1)
    assert (before.changed, before.reviewed, before.verdict, before.tags) == (True, "1/x.png", "accepted", [2])
    index.add([again], lambda image: "2a")
    item = index.item(1)
    assert item.public() == before.public()
    assert item.made_row == (None if isinstance(again, Failed) else again)
    index.correct(1, Correction(restored=True))
    back = index.item(1)
    assert (back.changed, back.verdict, back.reviewed) == (False, "", "")
    assert back.state == ("failed" if isinstance(again, Failed) else "labelled")
    assert back.tags == [1, 2]


def test_other_tags__back_is_what_the_run_made(index):
    made = index.item(2)
    index.correct(2, Correction(None, row("b", (2,), pixels=1), "2/x.png"))
    assert index.item(2).made_row == made.row
    back = index.correct(2, Correction(restored=True))
    assert back.row == made.row
    assert back.version == made.version + 2


def test_run__hides_what_it_will_replace(index):
    """What comes back as it was has its verdict still."""
    index.keep_only(lambda image, key: key != "1a")
    assert index.item(1) is None
    assert index.counts() == Counts()
    assert [item.image for item in index.items(Query())[1]] == ["b.jpg"]
    assert [item.image for item in index.walk()] == ["b.jpg"]
    assert index.correct(1, Correction("rejected")) is None
    index.add([row("a")], lambda image: "1a")
    assert index.item(1).verdict == "accepted"
    index.keep_only(lambda image, key: False)
    index.add([row("a", pixels=2)], lambda image: "2a")
    assert index.item(1).verdict == ""


def test_correct__only_the_expected_revision(index):
    revision = index.item(2).revision
    with pytest.raises(Outdated) as outdated:
        index.correct(2, Correction("accepted"), revision + 1)
    assert outdated.value.item == index.item(2)
    assert index.item(2).verdict == ""
    assert index.correct(2, Correction("flagged"), revision).revision == revision + 1
    assert index.correct(2, Correction("flagged"), revision + 1).revision == revision + 1, "nothing changed"


def test_correct__of_many_with_one_revision_one_succeeds(index):
    won, start = [], threading.Barrier(12)

    def judge(verdict):
        start.wait(30)
        try:
            index.correct(2, Correction(verdict), 1)
            won.append(verdict)
        except Outdated:
            pass

    threads = [threading.Thread(target=judge, args=(["accepted", "rejected"][number % 2],)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [index.item(2).verdict] == won


@pytest.mark.parametrize("number", [0, -1, 4711, 1 << 63, 1 << 80])
def test_no_such_image(index, number):
    assert index.item(number) is None
    assert index.correct(number, Correction("accepted")) is None


def test_reading_makes_nothing(tmp_path):
    index = Index(tmp_path / "job" / "index.sqlite")
    assert index.items(Query()) == (0, [])
    assert index.counts() == Counts()
    assert index.item(1) is None
    assert index.correct(1, Correction("accepted")) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_format_1__is_migrated_in_place(tmp_path, mode):
    path = tmp_path / "index.sqlite"
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA journal_mode = {mode}")
        database.executescript(FORMAT_1)
    database.close()
    index = Index(path)
    assert index.counts() == Counts(accepted=2, changed=1)
    item = index.item(1)
    assert (item.revision, item.reviewed, item.tags, item.original_tags) == (3, "a.png", [2], [1, 2])
    assert item.made_row is None, "not known"
    same = Labelled("b.jpg", "b.png", 4, 4, (1, 2), {0: 8, 1: 8}, {}, 0.0)
    index.add([same], lambda image: "1b")
    assert (index.item(2).verdict, index.item(2).key) == ("accepted", "1b")
    index.add([same], lambda image: "2b")
    assert index.item(2).verdict == ""


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from swsss.serve.server.jobs.changes import Correction
from swsss.serve.server.jobs.index import Index
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
index = Index(Path(sys.argv[1]))
print(index.counts().accepted, index.item(2).image)
try:
    index.correct(2, Correction("flagged"))
except OSError:
    print("refused")
"""


@pytest.mark.parametrize("old", [False, True])
def test_full_disk__can_be_read(tmp_path, old):
    """No file may grow, in a process of its own."""
    path = tmp_path / "index.sqlite"
    if old:
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(FORMAT_1)
        database.close()
    else:
        Index(path).add([row("a"), row("b")])
        Index(path).correct(1, Correction("accepted"))
    command = [sys.executable, "-P", "-c", FULL_DISK, path]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ, timeout=60)
    assert ended.stdout.split("\n") == [f"{2 if old else 1} b.jpg", "refused", ""], ended.stderr
