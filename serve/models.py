"""Which model labels: the one named, or the newest run's; checkpoints are exported on first use."""

from collections.abc import Callable
from pathlib import Path

from swsss.errors import UserError
from swsss.extras import needs_extra
from swsss.model.engine import Engine

RUNS = Path("runs")
STAGE1_ROLES = ("hybridnet", "teacher")
"""Checkpoints of which a run has one when its stage 1 is finished."""


def newest_run(runs: Path = RUNS) -> Path:
    """The run whose stage 1 was finished last.

    Raises:
        UserError: There is none.
    """
    labellers = [path for role in STAGE1_ROLES for path in runs.glob(f"*/{role}.safetensors")]
    done = {path.parent: path.stat().st_mtime for path in labellers}
    if not done:
        raise UserError(
            f"No --model was given and {runs}/ holds no finished stage 1; train one with swsss-train, or name a model.",
            code="not-found",
            field="model",
        )
    return max(sorted(done), key=done.__getitem__)


def open_engine(path: Path, device: str = "auto", threads: int = 0) -> Engine:
    """Load a model: ONNX, a TensorRT engine, or a checkpoint or run folder in PyTorch.

    Raises:
        UserError: It is missing, damaged, foreign or made for another machine.
    """
    if not path.exists():
        raise UserError(f"There is no model {path}.", code="not-found", field="model")
    if path.suffix == ".engine":
        with needs_extra("A TensorRT engine", "tensorrt"):
            from swsss.serve.engines.tensorrt import TensorRTEngine  # noqa: PLC0415 - loads torch and TensorRT

        return TensorRTEngine(path)
    if path.suffix != ".onnx":
        with needs_extra(f"Labelling with {path} in PyTorch"):
            from swsss.export.torch_engine import TorchEngine  # noqa: PLC0415 - loads torch

        return TorchEngine(path, device, threads)
    from swsss.serve.engines.onnx import OnnxEngine  # noqa: PLC0415 - only what is used is loaded

    return OnnxEngine(path, device, threads)


def exported(path: Path, max_side: int | None, tell: Callable[[str], None]) -> Path:
    """The model file of a path: itself, or what a checkpoint or run folder is exported to, beside or in it.

    Args:
        path: `.onnx`, `.engine`, checkpoint or run folder.
        max_side: Wanted largest side; None for the default of the export, or whatever a model file has.
        tell: Called with what the export does, a line each.

    Raises:
        UserError: It cannot be exported, or a model file lies there that was exported with other options.
    """
    if path.suffix in {".onnx", ".engine"}:
        return path
    # A second of loading torch, and only where a checkpoint is named.
    with needs_extra(f"Exporting {path} on first use"):
        from swsss.export.exporting import ExportOptions, export_onnx  # noqa: PLC0415
        from swsss.export.graph import MAX_SIDE  # noqa: PLC0415
        from swsss.export.source import hash_files, load_source, source_files  # noqa: PLC0415
        from swsss.model.file import read_info  # noqa: PLC0415

    files, labels = source_files(path)
    out = path / "model.onnx" if path.is_dir() else path.with_suffix(".onnx")
    side = max_side or MAX_SIDE
    if out.is_file():
        info = read_info(out)
        if info.precision != "fp32" or info.max_side != side or (info.tag_penalty or 0.0) != labels.tag_penalty:
            hint = f", tag penalty {info.tag_penalty:g}" if info.tag_penalty else ""
            raise UserError(
                f"{out} was exported with other options ({info.precision}, largest side {info.max_side}{hint}); "
                f"use it with --model {out}, or move it away."
            )
        if info.source == hash_files(files):
            return out
    source = load_source(path)
    try:
        export_onnx(source, out, ExportOptions(max_side=side), tell=tell)
    except OSError as error:
        told = (
            f"{out} cannot be written: {error.strerror}; export {path} elsewhere with swsss-export --out, and name it"
        )
        raise UserError(f"{told} with --model.") from None
    return out
