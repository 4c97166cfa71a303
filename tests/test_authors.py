"""The authors' `.pth` files: the same logits, the right net and classes, and nothing of a bad file is run."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from reference_authors import State, make_state, reference_logits

from swsss.candidates import all_classes, candidate_scores
from swsss.checkpoint import load_checkpoint
from swsss.data.classes import VOC_NAMES
from swsss.errors import UserError


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.fixture(scope="module")
def state() -> State:
    """A ResNet-50 of theirs with a narrow head, for tests that do not look at the logits."""
    return make_state(50, 7, aspp=16, shortcut=8)


@pytest.mark.parametrize(
    ("depth", "classes", "deep", "prefix"),
    [(101, 21, True, ""), (50, 21, True, "module."), (50, 5, False, "")],
)
def test_load_checkpoint__same_logits(tmp_path: Path, depth: int, classes: int, deep: bool, prefix: str) -> None:
    state = make_state(depth, classes, deep=deep)
    path = saved(tmp_path / "hybridnet.pth", {prefix + key: value for key, value in state.items()})
    checkpoint = load_checkpoint(path)
    torch.manual_seed(0)
    image = torch.randn(2, 3, 65, 81)
    with torch.inference_mode():
        expected = reference_logits(state, image)
        found = candidate_scores(checkpoint.net(image), all_classes(2, classes), (65, 81))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    # Agreement says nothing where the logits do not depend on the image.
    assert (expected[0] - expected[1]).abs().mean() > 1e-2


@pytest.mark.parametrize(("classes", "deep"), [(2, True), (21, False), (60, True)])
def test_load_checkpoint__what_the_file_tells(tmp_path: Path, classes: int, deep: bool) -> None:
    state = make_state(50, classes, aspp=16, shortcut=8, deep=deep)
    checkpoint = load_checkpoint(saved(tmp_path / "a.pth", state))
    assert checkpoint.task == "conditioned"
    assert not checkpoint.net.training
    config = checkpoint.net.config
    assert (config.backbone, config.output_stride, config.deep_stem) == ("resnet50", 8, deep)
    assert (config.aspp_channels, config.shortcut_channels, config.shortcut_kernel) == (16, 8, 3)
    voc = tuple(VOC_NAMES)
    expected = voc if classes == 21 else ("background", *(f"class_{index}" for index in range(1, classes)))
    assert checkpoint.classes.names == expected


def test_load_checkpoint__batch_counter_may_be_missing(tmp_path: Path, state: State) -> None:
    """Nets saved by torch before 0.4.1 have none."""
    kept = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    load_checkpoint(saved(tmp_path / "a.pth", kept))


def changed(key: str, value: torch.Tensor | None) -> Callable[[State], object]:
    def change(state: State) -> object:
        rest = {name: tensor for name, tensor in state.items() if name != key}
        return rest if value is None else {**rest, key: value}

    return change


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (lambda _: {}, "is not a DeepLabV3\\+ checkpoint"),
        (lambda _: {"fc.weight": torch.zeros(2, 2)}, "is not a DeepLabV3\\+ checkpoint"),
        (lambda _: {7: torch.zeros(2)}, "holds no state dict"),
        (lambda _: torch.zeros(2), "holds no state dict"),
        (lambda state: {**state, "epoch": 3}, "holds no state dict"),
        (lambda _: Path("x"), "cannot be loaded as weights only"),
        (changed("cls_conv.weight", None), "is not a DeepLabV3\\+ checkpoint"),
        (changed("aspp.branch5_conv.weight", None), "lacks 1 tensors .* aspp.pool.0.weight"),
        (changed("cls_conv.bias", torch.zeros(3)), "does not fit a DeepLabV3\\+ of the authors"),
        (changed("cls_conv.weight", torch.zeros(7)), "does not fit a DeepLabV3\\+ of the authors"),
        (changed("shortcut_conv.0.weight", torch.zeros(8, 256, 5, 5)), "does not fit a DeepLabV3\\+ of the authors"),
        (changed("cls_conv.weight", torch.zeros(300, 16, 1, 1)), "does not fit a DeepLabV3\\+ of the authors"),
    ],
)
def test_load_checkpoint__foreign(
    tmp_path: Path, state: State, content: Callable[[State], object], sentence: str
) -> None:
    path = saved(tmp_path / "a.pth", content(state))
    with pytest.raises(UserError, match=sentence) as caught:
        load_checkpoint(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.9, 0.999])
def test_load_checkpoint__truncated(tmp_path: Path, state: State, kept: float) -> None:
    path = saved(tmp_path / "a.pth", {key: value for key, value in state.items() if value.numel() < 5000})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(UserError, match=r"a\.pth cannot be loaded as weights only"):
        load_checkpoint(path)


def test_load_checkpoint__no_such_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no model file"):
        load_checkpoint(tmp_path / "a.pth")


class Malicious:
    """Unpickled, it would leave a folder behind."""

    def __init__(self, target: Path) -> None:
        self.target = str(target)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.target,)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("place", ["alone", "beside the weights"])
def test_load_checkpoint__malicious(tmp_path: Path, state: State, place: str, zipped: bool) -> None:
    target = tmp_path / "executed"
    content = Malicious(target) if place == "alone" else {**state, "extra": Malicious(target)}
    path = tmp_path / "a.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match="cannot be loaded as weights only"):
        load_checkpoint(path)
    assert not target.exists()
    # The file is what it claims to be: a careless loader does run it.
    torch.load(path, weights_only=False)
    assert target.exists()
