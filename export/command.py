"""The work of `swsss-export`: model file, scores, engine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from swsss.config import Tta
from swsss.errors import concerning
from swsss.export.exporting import ExportOptions, export_onnx, label_graph
from swsss.export.int8 import Calibration
from swsss.export.scoring import score_against_source, scored_samples
from swsss.export.source import default_model_file, load_source
from swsss.export.tensorrt.build import engine_options
from swsss.export.tensorrt.engine import build_engine
from swsss.model.info import Precision
from swsss.model.tensorrt.library import LibraryName


@dataclass(frozen=True)
class Order:
    """What `swsss-export` was told; see its `--help`."""

    checkpoint: Path
    out: Path | None = None
    precision: str = "fp32"
    calibrate: Path | None = None
    calibrate_count: int = 64
    tta: str | None = None
    max_side: int = 2048
    plain: bool | None = None
    evaluate: Path | None = None
    split: str = "val"
    tag_penalty: float | None = None
    engine: str | None = None
    sizes: str = ""

    def options(self) -> ExportOptions:
        """The export's part of it."""
        return ExportOptions(
            precision=cast(Precision, self.precision),
            tta=cast(Tta | None, self.tta),
            max_side=self.max_side,
            plain=self.plain,
            calibration=Calibration(self.calibrate, self.calibrate_count) if self.calibrate else None,
            tag_penalty=self.tag_penalty,
        )


def carry_out(order: Order, *, tell: Callable[[str], None]) -> Iterator[str]:
    """Export, and yield what was made, a line each.

    Raises:
        UserError: Something is wrong with the options or the files; nothing was written.
    """
    # First, because it takes no time to see that no engine can be built here.
    building = engine_options(order.sizes, _library(order.engine)) if order.engine else None
    options = order.options()
    with concerning("checkpoint", "unusable-model"):
        source = load_source(order.checkpoint)
    out = order.out or default_model_file(order.checkpoint)
    samples = scored_samples(order.evaluate, order.split, source.classes) if order.evaluate else []
    info = export_onnx(source, out, options, tell=tell)
    yield f"{out}: {info.task}, {info.precision}, {len(info.classes)} classes, {out.stat().st_size / 1e6:.1f} MB"
    if info.tag_penalty:
        yield f"  {info.about_tags}"
    if samples:
        for name, metrics in score_against_source(label_graph(source, options), out, info, samples):
            yield f"  {name}: mIoU {100 * metrics.miou:.2f} on {metrics.images} images, tags={metrics.tags}"
    if building is not None:
        built = build_engine(out, building, tell=tell)
        yield f"{out.with_suffix('.engine')}: {built.engine}"


def _library(engine: str | None) -> LibraryName | None:
    return "tensorrt_rtx" if engine == "tensorrt_rtx" else None
