"""INT8: static quantisation (QDQ, per-channel weights) with ONNX Runtime, calibrated on the user's images."""

import contextlib
import logging
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from swsss.data.images import read_upright
from swsss.data.listing import list_images
from swsss.errors import UserError
from swsss.export.samples import Case

_OPERATORS = {"Conv", "Add", "Concat", "Clip", "Relu", "MaxPool"}
_STEM = re.compile(r"/backbone\.(stem|body\.(conv_stem|stem|conv1))[._]")

# A range is the mean of what the images span, each for itself: one odd image must not coarsen the steps of all others.
_RANGES = {"CalibMovingAverage": True}


@dataclass(frozen=True)
class Calibration:
    """Images that show what activations are like; they need no tags and no masks.

    Args:
        images: Folder.
        count: How many are taken, evenly over the sorted names.
    """

    images: Path
    count: int = 64

    def paths(self) -> list[Path]:
        """The chosen files.

        Raises:
            UserError: The folder is missing or holds no image.
        """
        if not self.images.is_dir():
            raise UserError(f"--calibrate {self.images} is no folder; name one with a few dozen of your images.")
        names = list_images(self.images)
        if not names:
            raise UserError(f"--calibrate {self.images} holds no image; name a folder with a few dozen of your images.")
        chosen = np.unique(np.linspace(0, len(names) - 1, min(self.count, len(names))).round().astype(int))
        return [self.images / names[index] for index in chosen]


def quantise(
    model: onnx.ModelProto, calibration: Calibration, *, tell: Callable[[str], None] = lambda line: None
) -> onnx.ModelProto:
    """Quantise the nets' convolutions and what stands between them.

    The stem (the first convolutions, on raw pixels and few channels), the resizing and the classifier stay in float:
    they cost little and decide the accuracy.

    Args:
        model: The float32 model of `assemble`.
        calibration: Images.
        tell: Called with a line about what was done.

    Raises:
        UserError: No calibration image can be read, or there is no room for temporary files.
    """
    chosen = nodes_to_quantise(model.graph)
    reader = _Images(calibration, [value.name for value in model.graph.input])
    try:
        quantised = _quantised(model, chosen, reader)
    except OSError as error:
        raise UserError(f"Temporary files cannot be written to {tempfile.gettempdir()}: {error.strerror}.") from None
    except ValueError:
        if reader.read:
            raise
        raise UserError(f"None of the images in --calibrate {calibration.images} can be read.") from None
    skipped = f"; {reader.unreadable} cannot be read" if reader.unreadable else ""
    tell(f"int8: {len(chosen)} nodes quantised, calibrated on {reader.read} images of {calibration.images}{skipped}")
    return quantised


def _quantised(model: onnx.ModelProto, chosen: list[str], reader: "_Images") -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder) / "int8.onnx"
        quantize_static(
            model,
            path,
            reader,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=chosen,
            op_types_to_quantize=sorted(_OPERATORS),
            calibrate_method=CalibrationMethod.MinMax,
            extra_options=_RANGES,
        )
        return onnx.load(path)


def nodes_to_quantise(graph: onnx.GraphProto) -> list[str]:
    """Names of the nodes of encoders (without their stem) and decoders, and of the joins between them."""
    return [
        node.name
        for node in graph.node
        if node.op_type in _OPERATORS
        and (node.name.endswith("_joined") or "/" in node.name)
        and not any(_STEM.search(name) for name in node.input)
    ]


class _Images(CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime is not typed
    def __init__(self, calibration: Calibration, inputs: list[str]) -> None:
        self.read = self.unreadable = 0
        self.inputs = inputs
        self.waiting = self._feeds(calibration.paths())

    def _feeds(self, paths: list[Path]) -> Iterator[dict[str, npt.NDArray[np.generic]]]:
        for path in paths:
            try:
                pixels = read_upright(path)
            except UserError:
                self.unreadable += 1
                continue
            self.read += 1
            # What is quantised comes before the candidates: any will do.
            yield Case(pixels[None], np.zeros((1, 1), np.int64)).feed(self.inputs)

    def get_next(self) -> dict[str, npt.NDArray[np.generic]] | None:
        """The next input, or None after the last."""
        return next(self.waiting, None)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser's advice about preprocessing, which `assemble` has done, off the user's terminal."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(level)
