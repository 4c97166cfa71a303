"""Checkpoints in PyTorch, without exporting them: slower, and the yardstick for every other engine."""

from pathlib import Path

import torch

from swsss.data.images import Pixels
from swsss.errors import UserError
from swsss.export.exporting import ExportOptions, describe, label_graph
from swsss.export.source import load_source
from swsss.model.engine import Candidates, Device
from swsss.predict import fit_threads


class TorchEngine:
    """A checkpoint or the labeller of a run folder, in float32.

    Args:
        path: See `load_source`.
        device: "auto", "cpu" or "cuda".
        threads: On a CPU; 0 leaves torch's own choice, up to the cores of this process.
        options: Test-time augmentation, largest side, conditioned or plain.

    Attributes:
        device: Where it computes.
        reopen: See `Engine`.

    Raises:
        UserError: It cannot be loaded, or there is no such device.
    """

    reopen = None

    def __init__(
        self, path: Path, device: str = "auto", threads: int = 0, options: ExportOptions | None = None
    ) -> None:
        options = options or ExportOptions()
        source = load_source(path)
        self.info = describe(source, options)
        views = (self.info.scales, self.info.flip, self.info.max_side)
        hint = f", tag penalty {self.info.tag_penalty}" if self.info.tag_penalty else ""
        self.identity = f"{source.sha256} in PyTorch {views}{hint}"
        self.device: Device = _device(device)
        if threads:
            torch.set_num_threads(threads)
        else:
            fit_threads()
        self.graph = label_graph(source, options)
        self.graph.to(self.device).to(memory_format=torch.channels_last)

    @property
    def description(self) -> str:
        """Library, version and device."""
        place = f"CPU, {torch.get_num_threads()} threads" if self.device == "cpu" else torch.cuda.get_device_name()
        return f"PyTorch {torch.__version__}, {place}"

    def label(self, images: Pixels, candidates: Candidates) -> tuple[Pixels, Pixels]:
        """See `Engine.label`."""
        pixels = torch.from_numpy(images).to(self.device)
        allowed = torch.from_numpy(candidates).to(self.device) if self.info.task == "conditioned" else None
        with torch.inference_mode():
            mask, confidence = self.graph(pixels, allowed)
        return mask.cpu().numpy(), confidence.cpu().numpy()


def _device(name: str) -> Device:
    if name == "tensorrt":
        raise UserError("--engine torch runs on cpu or cuda; leave --device tensorrt out, or leave --engine out.")
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("There is no CUDA device here; use --device cpu.", code="no-device", field="device")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"
