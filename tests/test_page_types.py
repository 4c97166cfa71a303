"""The types that the page's modules are checked with say what the server really answers."""

import json
import subprocess
from pathlib import Path

import pytest
from labelling import make_photos, picture, save
from serving import serving

REPOSITORY = Path(__file__).parent.parent
TSC = REPOSITORY / "node_modules" / ".bin" / "tsc"
TYPES = REPOSITORY / "serve" / "server" / "page" / "types.d.ts"


@pytest.fixture(scope="module")
def answers(model_file, tmp_path_factory):
    """An answer of every type."""
    root = make_photos(tmp_path_factory.mktemp("root"), 3)
    (root / "images" / "broken.jpg").write_bytes(b"no image")
    with (root / "tags.csv").open("a") as file:
        file.write("broken.jpg,cat\n")
    photo = save(tmp_path_factory.mktemp("photo") / "one.png", picture(1, 40, 50))
    with serving(model_file, tmp_path_factory.mktemp("data"), root=root) as client:
        job = f"v1/jobs/{client.done()}"
        items = client.items(job.rpartition("/")[2])
        assert {item["state"] for item in items} == {"labelled", "failed"}
        sent = {"tags": [1], "verdict": "accepted"}
        number = next(item["number"] for item in items if item["state"] == "labelled")
        changed = client.patch(f"{job}/images/{number}", json=sent).json()
        return [
            ("ServerInfo", client.get("v1/info").json()),
            ("Job", client.get(job).json()),
            ("JobListing", client.get("v1/jobs").json()),
            ("ItemListing", client.get(f"{job}/images").json()),
            ("Item", changed["item"]),
            ("PackedMask", changed["mask"]),
            ("PackedMask", client.get(f"{job}/images/{number}/mask.json").json()),
            ("FolderListing", client.get("v1/folders").json()),
            ("FolderListing", client.get("v1/folders", params={"path": "images"}).json()),
            ("LabelAnswer", client.label_json(photo.read_bytes(), untagged="all")),
        ]


def check(folder: Path, answers: list[tuple[str, object]]) -> str:
    """What tsc says of values that are to be of a type: of fields that are missing, wrong, or too many."""
    if not TSC.exists():
        pytest.skip("needs `make javascript`")
    lines = [f"export const answer{at}: {name} = {json.dumps(value)};" for at, (name, value) in enumerate(answers)]
    (folder / "answers.ts").write_text("\n".join(lines))
    options = ["--ignoreConfig", "--noEmit", "--strict", "--target", "es2023", "--lib", "es2023,dom"]
    command = [TSC, *options, "--types", "", "--pretty", "false", TYPES, folder / "answers.ts"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def test_types__are_those_of_the_answers(answers, tmp_path):
    assert check(tmp_path, answers) == ""


@pytest.mark.parametrize("part", [{"revision": "1"}, {"revision": None}, {"surprise": 1}], ids=str)
def test_types__another_answer_is_noticed(answers, tmp_path, part):
    item = dict(answers)["Item"] | part
    assert "error TS" in check(tmp_path, [("Item", item)])
