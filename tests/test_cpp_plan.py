"""The plan of the native program against that of `swsss.serve.plan`: equal, or both refuse."""

import json
import os
import random
from pathlib import Path

import pytest
from native import run

from swsss.data.classes import ClassTable
from swsss.errors import UserError
from swsss.serve.plan import Selection, make_plan

CLASSES = ("background", "cat", "dog", "traffic light", "Bär", "polar bear")
IMAGES = ["a.jpg", "b.png", "sub/c.jpg", "sub/d.v2.jpg", "e.jpg", "e.png", "ü.jpg", "猫/🐈.webp", "a b.jpg", '"q".png']
RECIPE = "0f 0.6"


def touch(root: Path, names: list[str]) -> None:
    for name in names:
        (root / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "images" / name).write_bytes(b"x" * len(name))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files that need not be pictures to be planned with."""
    root = tmp_path_factory.mktemp("plan")
    touch(root, IMAGES)
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n", encoding="utf-8")
    return root


def by_python(root, classes, **selection):
    try:
        plan = make_plan(root / "images", Selection(**selection), ClassTable(classes), RECIPE)
    except UserError as error:
        return {"error": str(error)}
    items = [plan.item(name) for name in plan.names]
    return {
        "names": [
            [item.image, item.mask, None if item.tags is None else list(item.tags), item.key.hex()] for item in items
        ],
        "untagged": list(plan.untagged),
        "wanted": sorted(plan.wanted, key=str.encode),
    }


def by_native(root, classes_file, labels=None, untagged=False, only=None, limit=0):
    words = [root / "images", "--classes", classes_file, "--recipe", RECIPE, "--limit", limit]
    words += ["--labels", labels] if labels else []
    words += ["--only", only] if only else []
    words += ["--untagged"] if untagged else []
    ended = run("plan_tool", *words)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def both(root, classes=CLASSES, **selection):
    """The plan that both programs make, or what Python refuses when both do."""
    expected = by_python(root, classes, **selection)
    native = by_native(root, root / "classes.txt", **selection)
    assert native.keys() == expected.keys()
    assert native == expected or "error" in expected
    return expected


FILES = [
    "image,labels\na.jpg,cat;dog\nb.png,\n",
    "image,labels\r\na.jpg,cat;dog\r\nb.png,\r\n",
    "image,labels\ra.jpg,cat;dog\rb.png,",
    "\ufeffimage,labels\na.jpg,cat;dog\nb.png,\n",
    "Image, Labels\na.jpg,cat;dog\n\n,\nb.png,\na,dog|cat\n",
    "image;labels\na.jpg;cat|dog\nb.png;\n",
    'image;labels\na.jpg;"cat;dog"\nb.png;\n',
    "image;labels\na.jpg;cat,dog\nb.png;\n",
    "image,cat,dog\na.jpg,1,1\nb.png,0,0\n",
    "image,background,dog,traffic light,cat\na.jpg,1,1,0,1\nb.png,1, 0 ,0,0\n,,,,\n",
    "image;dog;cat\na;1;1\nb;0;0\n",
    '"image","labels"\n"a.jpg","cat,dog"\n"b.png",""\n',
    '\ufeff"image";labels\r\n"a.jpg";"cat;dog"\r\n\r\nb.png;\r\n',
    'image,labels\na.jpg,"cat;\ndog"\nb.png,"\n"',
    "image,dog\na.jpg,1\n",
    'image,labels\na.jpg,"cat;\ndog"\nb.png,"cat;\ntraffic light"\ne.jpg,"cat;\n"\n',
    "image,labels\n./a.jpg,cat\nsub\\c.jpg,dog\n ü.jpg ,Bär\n猫/🐈,polar bear\na b,cat  dog\nsub//d.v2,background\n",
    'image,labels\n"""q"".png",cat\n',
    "image,labels\na,cat\nb,Dogg\nsub/c,zebra\n",
    "image,labels\na,zzz\nb,zzz\nsub/c,zzz\n",
    "image,labels\nnope.jpg,cat\nc.jpg,cat\nA.JPG,cat\ne,cat\n",
    "image,labels\na.jpg,cat\nb,dog\n./a,dog\na.jpg,dog\n",
    "image,labels\n/data/a.jpg,cat\nC:\\data\\a.jpg,cat\nsub/../../a.jpg,cat\n..\\a.jpg,cat\n,cat\n..,cat\n",
    "image,labels\na.jpg,cat,dog\na.jpg\n",
    "image,cat,dog\na.jpg,1,yes\nb.png,2,\n",
    "image,label\na,cat\n",
    "image,cat,dogg,DOG\na,1,0,0\n",
    "image,cat,cat\na,1,0\n",
    "file,labels\na,cat\n",
    "image\na\n",
    "",
    "\n\n",
    ",,\n",
    'image,labels\na,"cat\nb,dog\n',
    'image,labels\na,"cat"x\nb,dog\n',
    'image,labels\nb,zzz\na,"cat"x\n"\n',
    "image,labels\na,polar bear\nb,polar  bear\nsub/c,polar bears cat\n",
    "image,labels\na,Bar\nb,bär\nsub/c,CAT\ne.jpg,traficlight\n",
    "image,labels\n" + "".join(f"none{number}.jpg,cat\n" for number in range(30)),
    "image,labels\n" + "".join(f"none{number}.jpg,cat\n" for number in range(1100)),
    "image,labels\na.jpg," + "x" * 200_000 + "\nb,cat\n",
    "image,labels\na.jpg," + "cat;" * 300 + "\n",
    "image,labels\na.jpg," + "ab" * 150 + "\n",
    "image,labels\na\x00.jpg,cat\nb.png,c\x00at\n",
    "image,labels\na.jpg,\u00a0cat\u2003\nb.png,cat\u3000dog\n",
    "image,labels\na.jpg,cat\x0bdog\x1cb\n",
    "\x00image,labels\na,cat\n",
    "image,labels\na.jpg,cat\n\ufeffb.png,cat\n",
]
BYTES = [
    "image,labels\na.jpg,cat\n".encode("utf-16"),
    "image,labels\na.jpg,cat\n".encode("utf-16-le"),
    "image,labels\na.jpg,zzz\nü.jpg,cat\n".encode("latin-1"),
    b"image,labels\r\na.jpg,cat\r\nb.png,\xed\xa0\x80\r\n",
    b"image,labels\n" + 300 * b"a.jpg,cat\r\nsub/c,\xc3\xbc;dog\n" + b"b,zebra\n",
    b"image,labels\r" + 300 * b"a.jpg,cat\r" + b"b.png,dog\r",
    b'image,labels\na.jpg,cat\nb.png,"cat\n' + 300 * b"a.jpg,dog\n",
]


@pytest.mark.parametrize("data", [*(text.encode() for text in FILES), *BYTES], ids=range(len(FILES) + len(BYTES)))
def test_make_plan__tags_as_python(folder, data):
    (folder / "tags.csv").write_bytes(data)
    both(folder, labels=folder / "tags.csv")


def test_make_plan__random_tags_as_python(folder):
    """Files made of what is hard to read, in random order."""
    chance = random.Random(7)
    pieces = [
        "a",
        "a.jpg",
        "b.png",
        "sub/c",
        "e",
        "ü.jpg",
        "cat",
        "dog",
        "Cat",
        "traffic light",
        "Bär",
        "0",
        "1",
        " ",
        "",
    ]
    pieces += [
        '"',
        '""',
        ",",
        ",",
        ";",
        "|",
        "\n",
        "\n",
        "\r\n",
        "\r",
        "..",
        "/",
        "\\",
        "zebra",
        "\ufeff",
        "\u2028",
        "\x1f",
    ]
    headers = ["image,labels\n", "image;labels\r\n", "image,cat,dog\n", '"image",labels\n', "image,cat\n", ""]
    agreed = 0
    for _ in range(400):
        rows = ["".join(chance.choices(pieces, k=chance.randrange(1, 9))) for _ in range(chance.randrange(6))]
        good = [f"{chance.choice(['a', 'b.png', 'sub/c'])},{chance.choice(['cat', '1', 'cat;dog'])}" for _ in rows]
        lines = [row if chance.random() < 0.25 else sound for row, sound in zip(rows, good, strict=True)]
        text = chance.choice(headers) + "".join(f"{line}\n" for line in lines)
        (folder / "tags.csv").write_bytes(text.encode())
        agreed += "names" in both(folder, labels=folder / "tags.csv")
    assert 20 < agreed < 380, "all files were alike"


def test_make_plan__selections(folder):
    (folder / "tags.csv").write_text("image,labels\na,dog;cat\nsub/c,\nb,background\n")
    (folder / "list.txt").write_bytes("\ufeffsub/c\r\nb.png\r\n\r\n  a.jpg \rsub\\d.v2.jpg\n".encode())
    (folder / "wrong.txt").write_text("b\n\nx.png\n../a.png\ne\n")
    tags = folder / "tags.csv"
    assert len(both(folder, labels=tags)["names"]) == 3
    assert both(folder, untagged=True)["names"]
    both(folder, labels=tags, untagged=True)
    both(folder, labels=tags, untagged=True, limit=2)
    both(folder, labels=tags, only=folder / "list.txt")
    both(folder, labels=tags, only=folder / "list.txt", untagged=True, limit=2)
    assert "line 3" in both(folder, labels=tags, only=folder / "wrong.txt")["error"]
    assert "cannot be read" in both(folder, labels=folder / "gone.csv")["error"]
    assert "cannot be read" in both(folder, labels=folder)["error"]
    assert "cannot be read" in both(folder, labels=tags, only=folder / "gone.txt")["error"]
    tags.write_text("image,labels\n")
    assert "None of the images" in both(folder, labels=tags)["error"]


def test_make_plan__random_lists_as_python(folder):
    """Lists made of what is hard to find, in random order."""
    chance = random.Random(11)
    pieces = [
        b"a",
        b"b.png",
        b"sub",
        b"e.jpg",
        b"d.v2",
        b"q",
        b"/",
        b"/",
        b"\\",
        b".",
        b"..",
        b" ",
        b"\t",
        b'"',
        b"C:",
        b"A",
    ]
    pieces += [
        b"\n",
        b"\n",
        b"\r",
        b"\r\n",
        "ü".encode(),
        "猫/🐈".encode(),
        b"\xff",
        b"\xc2\xa0",
        b"\x85",
        b"\0",
        b"\xef\xbb\xbf",
    ]
    good = [b"a", b"b.png\r", b" sub/c ", b"sub\\d.v2.jpg", b"./e.png", b"", "ü".encode(), b"sub/../a.jpg"]
    agreed = 0
    for _ in range(150):
        wrong = b"".join(chance.choices(pieces, k=chance.randrange(1, 7)))
        lines = [*chance.choices(good, k=chance.randrange(5)), *([wrong] if chance.random() < 0.6 else [])]
        (folder / "random.txt").write_bytes(b"\n".join(lines))
        selection = {"untagged": True, "only": folder / "random.txt"}
        agreed += "names" in both(folder, **selection)
    assert 20 < agreed < 130, "all lists were alike"


def test_item__times_as_python(folder):
    """Before 1970, and beyond 64 bits of nanoseconds."""
    times = (0, 1, -1, 999_999_999, -(10**9), -(10**9) - 1, -1_500_000_000, 10**9, 2**63 - 1, 2**63 + 5)
    for image, time in zip(IMAGES, times, strict=True):
        os.utime(folder / "images" / image, ns=(0, time))
    assert len(both(folder, untagged=True)["names"]) == len(times)


@pytest.mark.parametrize("name", ["images/sub", "images", "tags.csv", "list.txt"])
@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_make_plan__not_allowed(tmp_path, name):
    touch(tmp_path, ["a.jpg", "sub/b.jpg"])
    (tmp_path / "classes.txt").write_text("background\ncat\n")
    (tmp_path / "tags.csv").write_text("image,labels\na,cat\n")
    (tmp_path / "list.txt").write_text("a\n")
    mode = (tmp_path / name).stat().st_mode
    (tmp_path / name).chmod(0)
    try:
        selection = {"labels": tmp_path / "tags.csv", "only": tmp_path / "list.txt"}
        assert "Permission denied" in both(tmp_path, ("background", "cat"), **selection)["error"]
    finally:
        (tmp_path / name).chmod(mode)


def test_make_plan__names(tmp_path):
    """Suffixes in any case, hidden files, links, shared stems, and names that are hard to write."""
    names = ["A.JPEG", "b.TiFf", "x.txt", ".hidden.jpg", "._b.jpg", "@eaDir/c.jpg", ".d/e.jpg", "same.jpg", "same.png"]
    names += [
        "dotted.t\u0130f",
        "same.jpg.d/same.jpg",
        "new\nline.png",
        "q'\".bmp",
        "-dash.jpg",
        "a.b.c.webp",
        "jpg",
        "a.",
        "tab\t.png",
    ]
    touch(tmp_path, names)
    (tmp_path / "classes.txt").write_text("background\ncat\n")
    images = tmp_path / "images"
    (images / "link.jpg").symlink_to(images / "same.jpg")
    (images / "dangling.jpg").symlink_to("nowhere")
    (images / "folder.jpg").symlink_to(images / "@eaDir")
    (images / "folder").symlink_to(images / "@eaDir")
    assert len(both(tmp_path, ("background", "cat"), untagged=True)["names"]) == 12
    (images / "same.jpg.bmp").touch()
    assert "would share the mask" in both(tmp_path, ("background", "cat"), untagged=True)["error"]
    (images / "same.jpg.bmp").unlink()
    (images / "b\udcfcr.jpg").touch()
    (images / "a\udcff'.png").touch()
    assert "is not UTF-8" in both(tmp_path, ("background", "cat"), untagged=True)["error"]


def test_make_plan__nothing(tmp_path):
    (tmp_path / "classes.txt").write_text("background\ncat\n")
    assert "There is no folder" in both(tmp_path, ("background", "cat"), untagged=True)["error"]
    (tmp_path / "images").mkdir()
    assert "holds no image" in both(tmp_path, ("background", "cat"), untagged=True)["error"]
