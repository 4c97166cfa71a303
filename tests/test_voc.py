import importlib.util
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image

from swsss.data.classes import VOC_NAMES, ClassTable
from swsss.data.images import read_mask
from swsss.data.png import write_mask
from swsss.data.voc import prepare_voc, read_annotation_tags
from swsss.errors import InputError, UserError

CLASSES = ClassTable(tuple(VOC_NAMES))
TRAIN = [f"2007_{index:06}" for index in range(100, 6, -1)]
VAL = ["2008_000001", "2008_000002"]
SBD = ["2009_000002", "2009_000001"]
ACTION = "2012_000001"
OBJECT = "<object><name>{}</name><difficult>1</difficult><part><name>head</name></part></object>"


def xml(*names: str) -> str:
    return f"<annotation><filename>x</filename>{''.join(OBJECT.format(name) for name in names)}</annotation>"


def make_tree(tree: Path) -> None:
    lists = tree / "ImageSets"
    for folder in ("JPEGImages", "Annotations", "SegmentationClass", "ImageSets/Segmentation", "ImageSets/Main"):
        (tree / folder).mkdir(parents=True)
    for name in [*TRAIN, *VAL, *SBD, ACTION]:
        (tree / "JPEGImages" / f"{name}.jpg").touch()
        (tree / "Annotations" / f"{name}.xml").write_text(xml("cat", "person"))
    for name in [*TRAIN, *VAL]:
        write_mask(tree / "SegmentationClass" / f"{name}.png", np.full((2, 3), 255, np.uint8))
    (lists / "Segmentation" / "train.txt").write_text("\n".join(TRAIN))
    (lists / "Segmentation" / "val.txt").write_text("\n".join(VAL))
    (lists / "Main" / "trainval.txt").write_text("\n".join([*TRAIN, *VAL, *SBD]))


def make_sbd(folder: Path) -> None:
    savemat = pytest.importorskip("scipy.io").savemat
    (folder / "cls").mkdir(parents=True)
    names = {"train": [SBD[0], TRAIN[0]], "val": [SBD[1], VAL[0], "2011_000001"]}
    for part, stems in names.items():
        (folder / f"{part}.txt").write_text("\n".join(stems))
        for stem in stems:
            mask = np.array([[0, 8, 15], [8, 8, 0]], np.uint8)
            savemat(folder / "cls" / f"{stem}.mat", {"GTcls": {"Segmentation": mask, "CategoriesPresent": [8, 15]}})


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []

    def no_network(self: object, root: str, **_: object) -> None:
        asked.append(root)
        raise URLError("no route to host")

    monkeypatch.setattr("torchvision.datasets.VOCSegmentation.__init__", no_network)
    monkeypatch.setattr("torchvision.datasets.SBDataset.__init__", no_network)
    return asked


def snapshot(root: Path) -> dict[Path, tuple[bytes, int]]:
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("inside", [".", "VOC2012", "VOCdevkit/VOC2012"])
def test_prepare_from_existing_tree_and_sbd(tmp_path: Path, offline: list[str], inside: str) -> None:
    tree = tmp_path / inside
    make_tree(tree)
    make_sbd(tmp_path / "sbd")
    lines = prepare_voc(tmp_path)
    lists = tree / "ImageSets" / "Segmentation"
    assert (lists / "trainaug.txt").read_text().split() == [*TRAIN, *sorted(SBD)]
    assert (lists / "strong_92.txt").read_text().split() == TRAIN[:92]
    assert not (lists / "strong_183.txt").exists()
    assert not offline
    aug = tree / "SegmentationClassAug"
    assert {path.stem for path in aug.iterdir()} == {*TRAIN, *VAL, *SBD}
    assert (aug / f"{VAL[0]}.png").read_bytes() == (tree / "SegmentationClass" / f"{VAL[0]}.png").read_bytes()
    assert read_mask(aug / f"{SBD[0]}.png").tolist() == [[0, 8, 15], [8, 8, 0]]
    with Image.open(aug / f"{SBD[0]}.png") as image:
        assert image.mode == "P"
    assert any("1 images with masks are not in JPEGImages" in line for line in lines)
    assert any("10582" in line and str(len(TRAIN) + 2) in line for line in lines)


def test_tags_leave_out_action_images(tmp_path: Path) -> None:
    make_tree(tmp_path)
    make_sbd(tmp_path / "sbd")
    prepare_voc(tmp_path)
    rows = (tmp_path / "tags.csv").read_text().splitlines()
    assert rows[0] == "image,labels"
    assert f"{SBD[0]}.jpg,cat;person" in rows
    assert not [row for row in rows if ACTION in row]


def test_second_run_changes_nothing(tmp_path: Path) -> None:
    make_tree(tmp_path)
    make_sbd(tmp_path / "sbd" / "benchmark_RELEASE" / "dataset")
    prepare_voc(tmp_path)
    before = snapshot(tmp_path)
    lines = prepare_voc(tmp_path)
    assert snapshot(tmp_path) == before
    assert any(f"{len(TRAIN) + 4} masks, 0 of them written now" in line for line in lines)


def test_files_of_the_user_are_left_alone(tmp_path: Path) -> None:
    make_tree(tmp_path)
    make_sbd(tmp_path / "sbd")
    (tmp_path / "tags.csv").write_text("image,labels\n")
    split = tmp_path / "ImageSets" / "Segmentation" / "strong_92.txt"
    split.write_text("own\n")
    lines = prepare_voc(tmp_path)
    assert split.read_text() == "own\n"
    assert (tmp_path / "tags.csv").read_text() == "image,labels\n"
    assert [line for line in lines if "left as it is" in line and str(split) in line]
    assert [line for line in lines if "left as it is" in line and "tags.csv" in line]


def test_augmented_masks_from_elsewhere_need_no_sbd(tmp_path: Path, offline: list[str]) -> None:
    make_tree(tmp_path)
    write_mask(tmp_path / "SegmentationClassAug" / f"{SBD[0]}.png", np.zeros((2, 3), np.uint8))
    prepare_voc(tmp_path)
    names = (tmp_path / "ImageSets" / "Segmentation" / "trainaug.txt").read_text().split()
    assert names == [*TRAIN, SBD[0]]
    assert not offline


def test_no_network_for_voc(tmp_path: Path, offline: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        prepare_voc(tmp_path / "new")
    assert offline == [str(tmp_path / "new")]
    for part in ("no route to host", "VOCtrainval_11-May-2012.tar", str(tmp_path / "new"), "VOCdevkit/VOC2012"):
        assert part in str(caught.value)


def test_no_network_for_sbd_still_writes_the_splits(tmp_path: Path, offline: list[str]) -> None:
    make_tree(tmp_path)
    with pytest.raises(UserError) as caught:
        prepare_voc(tmp_path)
    assert offline == [str(tmp_path / "sbd")]
    for part in ("no route to host", "benchmark.tgz", str(tmp_path / "sbd"), "SegmentationClassAug"):
        assert part in str(caught.value)
    assert (tmp_path / "ImageSets" / "Segmentation" / "strong_92.txt").is_file()


def test_sbd_is_downloaded_when_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tree(tmp_path)

    def download(self: object, root: str, image_set: str, mode: str, download: bool) -> None:
        assert (image_set, mode, download) == ("train", "segmentation", True)
        make_sbd(Path(root))

    monkeypatch.setattr("torchvision.datasets.SBDataset.__init__", download)
    prepare_voc(tmp_path)
    assert (tmp_path / "SegmentationClassAug" / f"{SBD[1]}.png").is_file()


def test_interrupted_unpacking_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "VOCdevkit" / "VOC2012"
    make_tree(tree)
    make_sbd(tmp_path / "sbd")
    lost = tree / "JPEGImages" / f"{TRAIN[0]}.jpg"
    lost.unlink()
    (tmp_path / "VOCtrainval_11-May-2012.tar").touch()
    monkeypatch.setattr("torchvision.datasets.VOCSegmentation.__init__", lambda self, root, **_: lost.touch())
    assert prepare_voc(tmp_path)[0].endswith(f"{len(TRAIN) + 5} images, {len(TRAIN)} in train, 2 in val.")


@pytest.mark.parametrize(
    "lost", [f"JPEGImages/{VAL[0]}.jpg", f"SegmentationClass/{VAL[1]}.png", "ImageSets/Segmentation/val.txt"]
)
def test_incomplete_tree(tmp_path: Path, lost: str) -> None:
    make_tree(tmp_path)
    (tmp_path / lost).unlink()
    with pytest.raises(UserError) as caught:
        prepare_voc(tmp_path)
    assert f"lacks {lost}. Download VOCtrainval_11-May-2012.tar" in str(caught.value)


def test_incomplete_sbd(tmp_path: Path, offline: list[str]) -> None:
    make_tree(tmp_path)
    make_sbd(tmp_path / "sbd")
    (tmp_path / "sbd" / "cls" / f"{SBD[0]}.mat").unlink()
    with pytest.raises(UserError, match=rf"only a part of SBD \(cls/{SBD[0]}.mat is missing\)"):
        prepare_voc(tmp_path)
    assert not offline


def test_damaged_sbd_mask(tmp_path: Path) -> None:
    make_tree(tmp_path)
    make_sbd(tmp_path / "sbd")
    (tmp_path / "sbd" / "cls" / f"{SBD[0]}.mat").write_bytes(b"not a mat file")
    with pytest.raises(UserError, match=rf"{SBD[0]}\.mat cannot be read .*unpack benchmark.tgz again"):
        prepare_voc(tmp_path)


def test_missing_scipy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: list[str]) -> None:
    make_tree(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'pip install "swsss\[voc\]"'):
        prepare_voc(tmp_path)
    assert not offline


@pytest.mark.parametrize(("names", "expected"), [(["cat", "cat", "dog"], {8, 12}), (["tvmonitor"], {20}), ([], set())])
def test_annotation_tags(tmp_path: Path, names: list[str], expected: set[int]) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.xml").write_text(xml(*names))
    assert read_annotation_tags(tmp_path, CLASSES, ["sub/a.jpg", "missing.jpg"]) == {"sub/a.jpg": expected}


def test_no_annotations_folder(tmp_path: Path) -> None:
    assert read_annotation_tags(tmp_path / "Annotations", CLASSES, ["a.jpg"]) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<annotation><object>", r"a\.xml is no VOC annotation \(no element found.*unpack it again"),
        ("", r"a\.xml is no VOC annotation \(no element found"),
        ("<html></html>", r"a\.xml is no VOC annotation \(its root is <html>"),
        (xml("catt"), r"a\.xml: unknown class 'catt'; did you mean 'cat'\?"),
    ],
)
def test_annotation_problems(tmp_path: Path, text: str, expected: str) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.xml").write_text(text)
    with pytest.raises(InputError, match=expected) as caught:
        read_annotation_tags(tmp_path, CLASSES, ["a.jpg", "b.jpg"])
    assert len(caught.value.problems) == 2
