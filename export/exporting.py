"""From a checkpoint to a proven model file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnxruntime
import torch

from swsss import __version__
from swsss.checkpoint import Task
from swsss.config import Tta
from swsss.data.classes import palette
from swsss.data.files import write_whole
from swsss.errors import UserError, concerning
from swsss.export.assemble import assemble
from swsss.export.decision import Decision
from swsss.export.golden import make_golden
from swsss.export.graph import MAX_SIDE, LabelGraph
from swsss.export.int8 import Calibration, quantise
from swsss.export.proof import Comparison, compare, require_agreement, require_candidates, start_session
from swsss.export.samples import proof_cases
from swsss.export.source import Source
from swsss.model.file import pack
from swsss.model.info import ModelInfo, Precision
from swsss.nets.patch_net import PatchNet
from swsss.predict import VIEWS

# What one ONNX file can hold, less the room for its nodes.
_MAX_WEIGHTS = 2**31 - 2**24


@dataclass(frozen=True)
class ExportOptions:
    """What is exported, and how.

    Args:
        precision: Of encoders and decoders; the head and everything around the nets is float32.
        tta: Test-time augmentation inside the graph; None takes that of the source.
        max_side: Larger images are reduced to it for the nets.
        plain: Without `candidates`: every class is scored; None takes what the nets were trained for.
        calibration: Images to calibrate int8 on.
        tag_penalty: Logits taken off the classes that tags exclude, 0 leaves them out; None takes that of the source.
    """

    precision: Precision = "fp32"
    tta: Tta | None = None
    max_side: int = MAX_SIDE
    plain: bool | None = None
    calibration: Calibration | None = None
    tag_penalty: float | None = None


def export_onnx(
    source: Source,
    out: Path,
    options: ExportOptions | None = None,
    *,
    tell: Callable[[str], None] = lambda line: None,
) -> ModelInfo:
    """Write nets as one self-contained ONNX file, proven against PyTorch before it appears.

    Args:
        source: What `load_source` makes of a checkpoint or run folder.
        out: The file; replaced when it exists.
        options: Defaults to fp32 with the source's own test-time augmentation.
        tell: Called with what is being done and with the comparison, a line each.

    Raises:
        UserError: The options do not go together, calibration images are missing, the nets are too large, the runtimes
            disagree, or the file cannot be written.
    """
    options = options or ExportOptions()
    _check(source, out, options)
    tell(f"exporting {source.name} as {options.precision}")
    data, info = build_onnx(source, options, tell=tell)
    try:
        write_whole(out, data)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}.") from None
    return info


def build_onnx(
    source: Source, options: ExportOptions, *, tell: Callable[[str], None] = lambda line: None
) -> tuple[bytes, ModelInfo]:
    """Build and prove a model file in memory; see `export_onnx`."""
    info = describe(source, options)
    decision = Decision(info.task == "conditioned", info.temperature, info.tag_penalty or 0.0)
    views = VIEWS[options.tta or source.tta]
    model = assemble(source.nets, views, options.max_side, half=info.precision == "fp16", decision=decision)
    graph = label_graph(source, options)
    if options.precision == "int8":
        assert options.calibration is not None, "checked by _check"
        _prove(pack(model, info), graph, options, "fp32", tell)
        model = quantise(model, options.calibration, tell=tell)
    data = pack(model, info)
    _prove(data, graph, options, options.precision, tell)
    golden = make_golden(start_session(data), graph, len(source.classes))
    info = info.model_copy(update={"golden": golden})
    return pack(model, info), info


def label_graph(source: Source, options: ExportOptions) -> LabelGraph:
    """What a model file of these options computes, in PyTorch."""
    return LabelGraph(
        source.nets,
        options.tta or source.tta,
        options.max_side,
        temperature=source.temperature,
        tag_penalty=_tag_penalty(source, options),
    )


def describe(source: Source, options: ExportOptions) -> ModelInfo:
    """What a model file of these options says of itself, but for the golden pair."""
    colours = palette()[: len(source.classes)].tolist()
    tta = options.tta or source.tta
    task = _task(source, options)
    return ModelInfo(
        task=task,
        classes=source.classes.names,
        palette=tuple((red, green, blue) for red, green, blue in colours),
        mean=source.nets[0].mean,
        std=source.nets[0].std,
        scales=VIEWS[tta].scales,
        flip=VIEWS[tta].flip,
        max_side=options.max_side,
        precision=options.precision,
        temperature=source.temperature,
        tag_penalty=(_tag_penalty(source, options) or None) if task == "conditioned" else None,
        nets=len(source.nets),
        attention=max(net.attention for net in source.nets),
        source=source.sha256,
        tools={
            "swsss": __version__,
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
    )


def _task(source: Source, options: ExportOptions) -> Task:
    if options.plain is None:
        # Who says what tags weigh will give tags, also to a net that was trained to do without.
        return "conditioned" if options.tag_penalty else source.task
    return "plain" if options.plain else "conditioned"


def _tag_penalty(source: Source, options: ExportOptions) -> float:
    return source.tag_penalty if options.tag_penalty is None else options.tag_penalty


def _check(source: Source, out: Path, options: ExportOptions) -> None:
    """Find now what would otherwise end the export when its work is done."""
    if out.suffix != ".onnx":
        raise UserError(f"--out {out} must end in .onnx.", code="invalid-value", field="out")
    if out.is_dir():
        raise UserError(f"--out {out} is a folder; name a file.", code="invalid-value", field="out")
    if options.precision == "int8" and any(isinstance(net, PatchNet) for net in source.nets):
        raise UserError(
            f"--precision int8 is for convolutional encoders, and {source.name} has a ViT, whose activations do not "
            "fit 256 steps a tensor; export it as fp16.",
            code="conflicting-options",
            field="precision",
        )
    if options.max_side < 32:
        told = f"--max-side {options.max_side} is too small for the nets; give 32 or more."
        raise UserError(told, code="invalid-value", field="max_side")
    if options.tag_penalty and _task(source, options) == "plain":
        told = "--tag-penalty needs a model that is given tags, but this one is exported plain."
        raise UserError(told, code="conflicting-options", field="tag_penalty")
    if (options.precision == "int8") != (options.calibration is not None):
        told = "--precision int8 and --calibrate IMAGES go together; int8 needs images to measure on."
        raise UserError(told, code="conflicting-options", field="calibrate")
    if options.calibration is not None:
        with concerning("calibrate", "no-images"):
            options.calibration.paths()
    width = 2 if options.precision == "fp16" else 4
    if width * sum(weight.numel() for net in source.nets for weight in net.parameters()) > _MAX_WEIGHTS:
        raise UserError(f"{out} would be larger than 2 GB, which one ONNX file cannot hold; export a smaller net.")


def _prove(
    data: bytes, graph: LabelGraph, options: ExportOptions, precision: Precision, tell: Callable[[str], None]
) -> None:
    onnx.checker.check_model(data, full_check=True)
    found = compare(data, graph, proof_cases(graph.num_classes, options.max_side))
    _tell_all(found, precision, tell)
    if precision == "int8":
        require_candidates(found)
    else:
        require_agreement(found, precision)


def _tell_all(found: Sequence[Comparison], precision: Precision, tell: Callable[[str], None]) -> None:
    for one in found:
        tell(f"  {precision} in ONNX Runtime against fp32 in PyTorch, {one}")
