"""TensorRT engines, of TensorRT and of TensorRT-RTX."""

from pathlib import Path
from typing import TYPE_CHECKING

from swsss.data.images import Pixels
from swsss.errors import UserError
from swsss.model.engine import Candidates, Device
from swsss.model.tensorrt.library import Gpu, Library, current_gpu, load_library
from swsss.model.tensorrt.sidecar import REBUILD, EngineInfo, read_engine, this_platform

if TYPE_CHECKING:
    from swsss.serve.engines.tensorrt_session import TensorRTSession


class TensorRTEngine:
    """A `.engine` file with its `.engine.json`.

    Args:
        path: Written by swsss-export --tensorrt.

    Attributes:
        device: Where it computes.
        reopen: See `Engine`.

    Raises:
        UserError: A file is missing, damaged or of another build; or the engine was made for another library, version,
            GPU or system than is here.
    """

    device: Device = "cuda"
    reopen = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info, plan = read_engine(path)
        self.identity = self.info.engine.sha256
        self.library = load_library(self.info.engine.library)
        self.gpu = _fitting_gpu(path, self.info.engine, self.library, current_gpu())
        self.session = self._start(plan)

    def _start(self, plan: bytes) -> "TensorRTSession":
        from swsss.serve.engines.tensorrt_session import TensorRTSession  # noqa: PLC0415 - loads torch

        return TensorRTSession(self.library, plan, self.info)

    @property
    def description(self) -> str:
        """Library, version and GPU."""
        return f"{self.library}, {self.gpu.name} ({self.gpu.compute_capability})"

    def label(self, images: Pixels, candidates: Candidates) -> tuple[Pixels, Pixels]:
        """See `Engine.label`.

        Raises:
            UserError: The engine was not built for images so large, or the GPU fails.
        """
        return self.session.label(images, candidates)


def _fitting_gpu(path: Path, built: EngineInfo, library: Library, gpu: Gpu | None) -> Gpu:
    """The GPU, if the engine runs on it with the library that is installed."""
    if library.version != built.version:
        raise UserError(
            f"{path} was built with version {built.version} of {built.library} and runs with no other, but "
            f"{library.version} is installed; {REBUILD}"
        )
    if gpu is None:
        raise UserError(f"{path} needs an NVIDIA GPU, and none is usable here; label with the ONNX file instead.")
    if not _runs_on(built.compute_capability, gpu):
        raise UserError(
            f"{path} was built for compute capability {built.compute_capability}, but {gpu.name} has "
            f"{gpu.compute_capability}; {REBUILD}"
        )
    if built.platform not in {"any", this_platform()}:
        raise UserError(f"{path} was built on {built.platform}, but this is {this_platform()}; {REBUILD}")
    return gpu


def _runs_on(capability: str, gpu: Gpu) -> bool:
    """Whether "8.9" is the GPU's compute capability, or "8.0+" not above it."""
    major, minor = map(int, capability.removesuffix("+").split("."))
    return gpu.capability >= (major, minor) if capability.endswith("+") else gpu.capability == (major, minor)
