"""The journal: what was saved is there again, and of two images none takes the other's mask for its own."""

import os
import sqlite3
from contextlib import closing

import pytest

from swsss.errors import UserError
from swsss.serve.journal import Journal, explain
from swsss.serve.records import Failed, Labelled

NAME = "a\n\udce9\u202e'\"; DROP TABLE labelled.jpg"
RECIPE, KEY = b"recipe", b"key"


def row(image, mask=None, **facts):
    usual = {"tags": (1, 3), "pixels": {0: 5, 3: 7, 255: 1}, "confidence": {0: 0.25, 3: 1 / 3}, "mean_confidence": 0.1}
    return Labelled(image, mask or f"{image}.png", 13, 1, **(usual | facts))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "journal.sqlite"


@pytest.fixture
def journal(path):
    journal = Journal(path)
    yield journal
    journal.close()


def add(journal, *rows, recipe=RECIPE):
    for one in rows:
        journal.add_labelled(one, recipe, KEY, confidence_map=True)


def test_journal__what_was_saved_is_there_again(path):
    rows = [row(NAME), row("b", tags=None, pixels={}, confidence={}, seconds=1.5), row("c", tags=())]
    journal = Journal(path)
    add(journal, *rows)
    journal.add_failed(Failed("d" + NAME, "decode", "Because\nof " + NAME))
    journal.note("colour", "green")
    journal.save()
    add(journal, row("not saved"))
    journal.close()
    journal = Journal(path)
    assert list(journal.labelled(RECIPE)) == rows
    assert list(journal.failed()) == [Failed("d" + NAME, "decode", "Because\nof " + NAME)]
    assert journal.about("colour") == "green"
    assert journal.about("taste") is None
    assert journal.done(NAME) == (KEY, f"{NAME}.png", True)
    assert journal.done("d") is None
    journal.close()


def test_journal__columns_in_another_order(path):
    """Made by another program, or with a column added since: rows are read and written by name."""
    Journal(path).close()
    with closing(sqlite3.connect(path)) as database:
        columns = [name for (name,) in database.execute("SELECT name FROM pragma_table_info('labelled')")]
        turned = ", ".join(reversed(columns))
        database.execute("DROP TABLE labelled")
        database.execute(f"CREATE TABLE labelled ({turned}, remark TEXT, PRIMARY KEY (image)) WITHOUT ROWID")
        database.commit()
    journal = Journal(path)
    add(journal, row("a"))
    assert list(journal.labelled(RECIPE)) == [row("a")]
    assert journal.done("a") == (KEY, "a.png", True)
    journal.close()


def test_journal__in_the_order_of_bytes(journal):
    names = ["b", "B", "é", "猫", "a/b", "a.b", "\udce9", "a", "10", "9"]
    add(journal, *map(row, names))
    for name in names:
        journal.add_failed(Failed("x" + name, "", ""))
    expected = sorted(names, key=os.fsencode)
    assert [one.image for one in journal.labelled(RECIPE)] == expected
    assert [one.image for one in journal.failed()] == ["x" + name for name in expected]
    assert [one.image for one in journal.labelled(RECIPE, {"a", "é"}.__contains__)] == ["a", "é"]
    assert [one.image for one in journal.failed("xB".__eq__)] == ["xB"]


def test_journal__of_one_recipe(journal):
    add(journal, row("a"))
    add(journal, row("b"), recipe=b"other")
    assert [one.image for one in journal.labelled(RECIPE)] == ["a"]
    assert [one.image for one in journal.labelled(b"other")] == ["b"]


def test_journal__labelled_or_failed(journal):
    add(journal, row("a"))
    journal.add_failed(Failed("a", "decode", "gone"))
    assert list(journal.labelled(RECIPE)) == []
    add(journal, row("a"), row("a"))
    assert list(journal.failed()) == []
    assert [one.image for one in journal.labelled(RECIPE)] == ["a"]


def test_journal__a_mask_has_one_image(journal):
    add(journal, row("a.jpg", "a.png"), row("a.bmp", "a.png"))
    assert [one.image for one in journal.labelled(RECIPE)] == ["a.bmp"]


def test_journal__forgotten_at_once(path):
    journal = Journal(path)
    add(journal, row("a", "1.png"), row("b", "2.png"), row("c", "3.png"))
    journal.save()
    journal.forget("a", "2.png")
    journal.close()
    journal = Journal(path)
    assert [one.image for one in journal.labelled(RECIPE)] == ["c"]
    journal.close()


def test_journal__knows_whether_the_last_one_finished(path):
    for finish in (True, False, True):
        journal = Journal(path)
        before = journal.interrupted
        if finish:
            journal.finish()
        journal.close()
    assert before is True, "the second never finished"
    journal = Journal(path)
    assert not journal.interrupted
    journal.close()


def test_journal__one_at_a_time(path, journal):
    with pytest.raises(UserError, match="Another swsss-label is at work"):
        Journal(path)
    journal.save()
    with pytest.raises(UserError, match="Another swsss-label is at work"):
        Journal(path)
    journal.close()
    Journal(path).close()


def test_journal__refused_one_does_not_stay_open(path):
    Journal(path).close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE about SET value = '99' WHERE name = 'format'")
    database.close()
    with pytest.raises(UserError, match="has format 99, newer than this swsss reads"):
        Journal(path)
    with sqlite3.connect(path, timeout=0) as database:
        database.execute("UPDATE about SET value = '1' WHERE name = 'format'")
    database.close()
    Journal(path).close()


def test_explain__damage_found_late(path, journal):
    with pytest.raises(sqlite3.Error) as caught:
        journal.database.execute("SELECT * FROM nowhere")
    assert explain(path, caught.value).startswith(f"{path} is damaged or of another program (no such table: nowhere);")
