"""`NAME.engine.json`: what a TensorRT engine says of itself, which has no room for it inside."""

import hashlib
import platform
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from swsss.errors import UserError
from swsss.model.info import ModelInfo, parse_info
from swsss.model.tensorrt.library import TITLES, LibraryName
from swsss.model.tensorrt.profiles import Profile

REBUILD = "build it again: swsss-export CHECKPOINT --out model.onnx --tensorrt"


class EngineInfo(BaseModel):
    """How an engine was built, and what it runs on."""

    model_config = ConfigDict(frozen=True)

    library: LibraryName
    version: str = Field(description="of the library; the engine runs with no other")
    compute_capability: str = Field(description='of the GPU, "8.9"; "8.0+": that and newer')
    platform: str = Field(description='operating system and processor, "linux-x86_64"; "any"')
    swsss: str = Field(description="version that built the engine")
    onnx: str = Field(description="SHA-256 (hex) of the ONNX file")
    sha256: str = Field(description="SHA-256 (hex) of the engine")
    profiles: tuple[Profile, ...]

    def __str__(self) -> str:
        count = "1 profile" if len(self.profiles) == 1 else f"{len(self.profiles)} profiles"
        return f"{TITLES[self.library]} {self.version}, compute capability {self.compute_capability}, {count}"


class Sidecar(ModelInfo):
    """The model's own description, as in the ONNX file, and the engine's."""

    engine: EngineInfo

    def to_json(self) -> bytes:
        """The file's bytes; equal descriptions give equal bytes."""
        return (self.model_dump_json(exclude_none=True) + "\n").encode()


def sidecar_path(engine: Path) -> Path:
    """Where the sidecar of an engine is: NAME.engine.json."""
    return engine.with_name(f"{engine.name}.json")


def this_platform() -> str:
    """Operating system and processor."""
    return f"{platform.system()}-{platform.machine()}".lower()


def read_engine(path: Path) -> tuple[Sidecar, bytes]:
    """Read an engine and its sidecar, and see that they belong together.

    Raises:
        UserError: One is missing, damaged, of a newer format, or of another build.
    """
    beside = sidecar_path(path)
    try:
        plan, text = path.read_bytes(), beside.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        missing = Path(error.filename)
        raise UserError(
            f"{missing} is missing; an engine is {path.name} and {beside.name} together, {REBUILD}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The engine {path} cannot be read ({error}); {REBUILD}") from None
    sidecar = _parse(text, beside)
    if hashlib.sha256(plan).hexdigest() != sidecar.engine.sha256:
        raise UserError(f"{path} is not the engine that {beside.name} describes, or is cut short; {REBUILD}")
    return sidecar, plan


def _parse(text: str, path: Path) -> Sidecar:
    parse_info(text, str(path))
    try:
        return Sidecar.model_validate_json(text)
    except ValidationError:
        raise UserError(f"{path} does not say how the engine was built; {REBUILD}") from None


Mode = Literal["input", "output"]


class Tensor(BaseModel):
    """An input or output of a model file; -1 stands for a free side."""

    model_config = ConfigDict(frozen=True)

    mode: Mode
    dtype: str
    shape: tuple[int, ...]


def tensors(info: ModelInfo) -> dict[str, Tensor]:
    """Inputs and outputs that DESIGN §4 asks for, by name."""
    labels = Tensor(mode="output", dtype="uint8", shape=(-1, -1, -1))
    image = Tensor(mode="input", dtype="uint8", shape=(-1, -1, -1, 3))
    candidates = Tensor(mode="input", dtype="int64", shape=(-1, -1))
    conditioned = {"candidates": candidates} if info.task == "conditioned" else {}
    return {"image": image, **conditioned, "mask": labels, "confidence": labels}
