"""A server that is killed again and again while people use it: nothing that it promised is lost."""

import os
import random
import signal
import time

import numpy as np
from clients import IMAGES, NAMES, Promises, Reviewer, encoded, mask_under
from labelling import Reference
from serving import Client, address_of, pixels_of

REVIEWERS = 3


def test_server__killed_at_random_points(start, model_file, tmp_path, full_faults):
    """Of jobs, reviews, uploads, exports, deletions; at the end every mask is the one its tags give."""
    rounds = 100 if full_faults else 4
    make_images(tmp_path / "root")
    promises, decide = Promises(), random.Random(rounds)
    strange = tmp_path / "data/jobs/not a job/thesis.txt"
    for number in range(rounds):
        started, client = serve(start, model_file, tmp_path)
        if not number:
            strange.parent.mkdir(parents=True)
            strange.write_text("three years of work")
        promises.check(client)
        work_until_killed(started, client, promises, number, decide.uniform(0.05, 1.5))
    started, client = serve(start, model_file, tmp_path)
    promises.check(client)
    assert strange.read_text() == "three years of work"
    assert promises.kept
    reference = Reference(model_file)
    for job in promises.kept:
        check_masks(client, job, reference)
    started.process.terminate()
    assert "Traceback" not in started.ended()


def make_images(root):
    (root / "images").mkdir(parents=True)
    for number in range(IMAGES):
        (root / "images" / f"{number:02}.png").write_bytes(encoded(number))
    rows = "".join(f"{number:02}.png,{NAMES[number % len(NAMES)]}\n" for number in range(IMAGES))
    (root / "tags.csv").write_text(f"image,labels\n{rows}")


def serve(start, model, folder):
    """Start the server, and wait until it answers."""
    where = ["--model", model, "--root", folder / "root", "--data", folder / "data", "--port", 0]
    started = start("swsss-serve", *where, "--device", "cpu", "--threads", 1)
    return started, Client(address_of(started))


def work_until_killed(started, client, promises, seed, seconds):
    """Let several people work, and kill the server in the midst of it."""
    address = str(client.base_url)
    people = [
        Reviewer(Client(address), promises, number, REVIEWERS, seed * REVIEWERS + number) for number in range(REVIEWERS)
    ]
    for person in people:
        person.start()
    time.sleep(seconds)
    os.killpg(started.process.pid, signal.SIGKILL)
    for person in people:
        person.stopped.set()
        person.join(60)
        assert not person.is_alive()
        assert not person.failed, person.failed
    started.process.wait()


def check_masks(client, job, reference):
    """Every mask of a job is what the model gives for its tags: as made, and as reviewed."""
    state = client.job(job)["state"]
    if state == "paused":
        assert client.post(f"/v1/jobs/{job}/resume").status_code == 200
    client.ended(job)
    made = client.archive(f"/v1/jobs/{job}/result.zip?as=made")
    reviewed = client.archive(f"/v1/jobs/{job}/result.zip")
    items = client.items(job)
    assert len(items) == IMAGES
    for item in items:
        name = f"masks/{item['image'].removesuffix('.png')}.png"
        number = int(item["image"].removesuffix(".png"))
        original = tuple(item["original_tags"])
        np.testing.assert_array_equal(pixels_of(made[name]), mask_under(reference, number, original))
        tags = None if item["tags"] is None else tuple(item["tags"])
        np.testing.assert_array_equal(pixels_of(reviewed[name]), mask_under(reference, number, tags))
