"""A server's data folder with a job in it: `pytest_plugins = "data_folders"` in a test module."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from labelling import make_photos
from serving import serving

PHOTOS = 3


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return make_photos(tmp_path_factory.mktemp("photos"), PHOTOS)


@pytest.fixture(scope="module")
def kept(model_file, photos, tmp_path_factory):
    """A data folder with a job that is done, an image of it accepted; not to be changed. And the job's id."""
    data = tmp_path_factory.mktemp("kept") / "data"
    with serving(model_file, data, root=photos) as client:
        job = client.done()
        number = client.items(job)[0]["number"]
        client.patch(f"/v1/jobs/{job}/images/{number}", json={"verdict": "accepted"})
    return data, job


@pytest.fixture
def copy(kept, tmp_path):
    data, job = kept
    return shutil.copytree(data, tmp_path / "data"), job


def tree(folder):
    """All that is in a folder, with contents."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")
    }


def change(data, job_id, **fields):
    """Change fields of a job in the list, as an older copy or another hand would have them."""
    with closing(sqlite3.connect(data / "jobs.sqlite")) as database:
        (text,) = database.execute("SELECT job FROM jobs WHERE id = ?", (job_id,)).fetchone()
        job = json.loads(text) | fields
        database.execute("UPDATE jobs SET job = ?, state = ? WHERE id = ?", (json.dumps(job), job["state"], job_id))
        database.commit()
