"""`swsss.export`: what `swsss-export` does."""

from pathlib import Path
from typing import Literal, TypeAlias

from swsss._api.checks import check_choice, check_range, python_call
from swsss._api.training import TTAS, StrPath, Tta

Precision: TypeAlias = Literal["fp32", "fp16", "int8"]


def export(  # noqa: PLR0913 - the options of swsss-export, all but one with a default
    checkpoint: StrPath,
    out: StrPath | None = None,
    *,
    precision: Precision = "fp32",
    calibrate: StrPath | None = None,
    calibrate_count: int = 64,
    tta: Tta | None = None,
    max_side: int = 2048,
    plain: bool | None = None,
    tag_penalty: float | None = None,
) -> Path:
    """Write a checkpoint, or the labeller of a run, as one self-contained model file, as `swsss-export` does.

    Args:
        checkpoint: A checkpoint or run folder.
        out: The model file; beside the checkpoint, or `model.onnx` in the run folder, when None.
        precision: Of the nets.
        calibrate: Folder with images to calibrate "int8" on.
        calibrate_count: How many of them.
        tta: Test-time augmentation inside the graph; what the labels of a run are made with, else "none", when None.
        max_side: Images with a longer side are reduced to it for the net; masks keep full size.
        plain: Score all classes, without tags; what the net was trained for when None.
        tag_penalty: Logits taken off the classes that tags exclude, instead of excluding them; 0 for off.

    Returns:
        The model file, proven against PyTorch.

    Raises:
        UserError: Something is wrong with the parameters or the files, or the proof failed; nothing was written.
    """
    with python_call("export"):
        check_choice("precision", precision, ("fp32", "fp16", "int8"))
        if tta is not None:
            check_choice("tta", tta, TTAS)
        if tag_penalty is not None:
            check_range("tag_penalty", tag_penalty, 0, 1000)
        check_range("calibrate_count", calibrate_count, 1)
        from swsss.export.command import Order, carry_out
        from swsss.export.source import default_model_file

        order = Order(
            Path(checkpoint),
            None if out is None else Path(out),
            precision=precision,
            calibrate=None if calibrate is None else Path(calibrate),
            calibrate_count=calibrate_count,
            tta=tta,
            max_side=max_side,
            plain=plain,
            tag_penalty=tag_penalty,
        )
        for _ in carry_out(order, tell=lambda line: None):
            pass
        return order.out or default_model_file(order.checkpoint)
