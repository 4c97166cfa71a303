"""The TensorRT libraries: which one is installed, and the GPU that is here."""

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from swsss.errors import UserError

LibraryName = Literal["tensorrt", "tensorrt_rtx"]

TITLES: dict[LibraryName, str] = {"tensorrt": "TensorRT", "tensorrt_rtx": "TensorRT-RTX"}
_EXTRAS: dict[LibraryName, str] = {"tensorrt": "swsss[tensorrt]", "tensorrt_rtx": "swsss[tensorrt-rtx]"}
_OLDEST = 10
_KEPT = 8


class LibraryMissingError(UserError):
    """A TensorRT library is not installed; the message names the extra."""


@dataclass(frozen=True)
class Library:
    """A TensorRT library, loaded.

    Args:
        name: Of the module.
        version: As the module says it.
        api: The module; both libraries have the same API.
    """

    name: LibraryName
    version: str
    api: ModuleType

    def __str__(self) -> str:
        return f"{TITLES[self.name]} {self.version}"


@dataclass(frozen=True)
class Gpu:
    """The GPU that CUDA uses.

    Args:
        name: For people.
        capability: Compute capability, major and minor.
    """

    name: str
    capability: tuple[int, int]

    @property
    def compute_capability(self) -> str:
        """As it is written, "8.9"."""
        return "{}.{}".format(*self.capability)


def current_gpu() -> Gpu | None:
    """The GPU that CUDA uses, or None when there is none or its driver does not work."""
    import torch  # noqa: PLC0415 - a second, and labelling must not wait for it

    if not torch.cuda.is_available():
        return None
    return Gpu(torch.cuda.get_device_name(), torch.cuda.get_device_capability())


def load_library(name: LibraryName) -> Library:
    """Import a TensorRT library.

    Raises:
        LibraryMissingError: It is not installed.
        UserError: It cannot be loaded, or is older than strongly typed networks with uint8 inputs.
    """
    install = f"pip install '{_EXTRAS[name]}'"
    try:
        api = importlib.import_module(name)
    except ModuleNotFoundError:
        raise LibraryMissingError(f"{TITLES[name]} is not installed; get it with {install}.") from None
    except (ImportError, OSError) as error:
        raise UserError(
            f"{TITLES[name]} is installed but cannot be loaded ({error}); repair it with {install}."
        ) from None
    library = Library(name, str(api.__version__), api)
    if name == "tensorrt" and int(library.version.split(".")[0]) < _OLDEST:
        raise UserError(f"{library} is too old, {_OLDEST} or newer is needed; get it with {install}.")
    return library


def choose_library(gpu: Gpu | None, wanted: LibraryName | None = None) -> Library:
    """The library to build with: TensorRT where there is a GPU, else TensorRT-RTX, which needs none to build.

    Args:
        gpu: The one that is here.
        wanted: Overrides the choice.

    Raises:
        UserError: No library is installed, or TensorRT is to build without a GPU.
    """
    names: tuple[LibraryName, ...] = ("tensorrt", "tensorrt_rtx") if gpu else ("tensorrt_rtx", "tensorrt")
    for name in (wanted,) if wanted else names:
        try:
            library = load_library(name)
        except LibraryMissingError:
            if wanted:
                raise
            continue
        if name == "tensorrt" and gpu is None:
            raise UserError(
                f"{library} builds only for the GPU it runs on, and none is usable here (see nvidia-smi); "
                f"build there, or with TensorRT-RTX: pip install '{_EXTRAS['tensorrt_rtx']}'."
            )
        return library
    raise LibraryMissingError(
        f"No TensorRT is installed; get it with pip install '{_EXTRAS['tensorrt']}' where the GPU is, "
        f"or with pip install '{_EXTRAS['tensorrt_rtx']}', which builds anywhere for RTX GPUs."
    )


def make_logger(library: Library) -> Any:
    """A logger that keeps the first few errors in its list `errors`, and the rest off the user's terminal."""
    base: Any = library.api.ILogger

    class Logger(base):  # type: ignore[misc]  # TensorRT is not typed
        def __init__(self) -> None:
            base.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in {base.Severity.INTERNAL_ERROR, base.Severity.ERROR} and len(self.errors) < _KEPT:
                self.errors.append(message)

    return Logger()


def first_error(logger: Any) -> str:
    """What the library complained about first: what follows are consequences."""
    return logger.errors[0].strip().splitlines()[0].rstrip(".") if logger.errors else "it does not say why"


def started(library: Library, kind: Any, logger: Any) -> Any:
    """A builder or runtime.

    Raises:
        UserError: The library cannot start, as with a driver that is too old for it.
    """
    try:
        return kind(logger)
    except TypeError:  # how the bindings say that they got nothing
        raise UserError(f"{library} does not start: {first_error(logger)}.") from None
