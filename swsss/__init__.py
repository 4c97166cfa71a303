"""swsss: from a few masks and many image-level tags to a mask for every image, and to a model that needs no tags.

    labeller = swsss.load("model.onnx")
    mask, confidence = labeller.label("photo.jpg", tags=["cat", "dog"])

`label_folder`, `convert`, `train`, `evaluate` and `export` do what the commands do. They print nothing, and what is
wrong is a `UserError` with a code, a field and a message. What is not named in `__all__` is private.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swsss._api.converting import convert as convert
    from swsss._api.exporting import export as export
    from swsss._api.folders import LabelResult as LabelResult
    from swsss._api.folders import label_folder as label_folder
    from swsss._api.images import ImageLike as ImageLike
    from swsss._api.labelling import Labeller as Labeller
    from swsss._api.labelling import Labels as Labels
    from swsss._api.labelling import load as load
    from swsss._api.training import Scores as Scores
    from swsss._api.training import TrainResult as TrainResult
    from swsss._api.training import evaluate as evaluate
    from swsss._api.training import train as train
    from swsss.errors import InputError as InputError
    from swsss.errors import SwsssError as SwsssError
    from swsss.errors import Unfinished as Unfinished
    from swsss.errors import UserError as UserError
    from swsss.extras import MissingExtraError as MissingExtraError
    from swsss.model.info import ModelInfo as ModelInfo
    from swsss.progress import ProgressCallback as ProgressCallback

__version__ = "0.1.0"

__all__ = [
    "ImageLike",
    "InputError",
    "LabelResult",
    "Labeller",
    "Labels",
    "MissingExtraError",
    "ModelInfo",
    "ProgressCallback",
    "Scores",
    "SwsssError",
    "TrainResult",
    "Unfinished",
    "UserError",
    "__version__",
    "convert",
    "evaluate",
    "export",
    "label_folder",
    "load",
    "train",
]

# OpenCV looks at it when it is loaded, whichever of our modules does that: no decoder is to make more than any picture
# may have (`swsss.data.headers.MAX_PIXELS`), whatever it reads in a header.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "178956970")

if not TYPE_CHECKING:  # type checkers see what there is, not that there might be anything
    _MODULES = {
        "swsss._api.converting": ("convert",),
        "swsss._api.folders": ("LabelResult", "label_folder"),
        "swsss._api.images": ("ImageLike",),
        "swsss._api.labelling": ("Labeller", "Labels", "load"),
        "swsss._api.training": ("Scores", "TrainResult", "evaluate", "train"),
        "swsss.errors": ("InputError", "SwsssError", "Unfinished", "UserError"),
        "swsss.extras": ("MissingExtraError",),
        "swsss.model.info": ("ModelInfo",),
        "swsss.progress": ("ProgressCallback",),
    }
    _HOME = {name: module for module, names in _MODULES.items() for name in names}

    def __getattr__(name: str) -> object:
        """Load what is asked for, when it is asked for: `import swsss` alone takes a few milliseconds."""
        if name == "export":
            return import_module("swsss.export")  # the package and the function are one
        if name not in _HOME:
            raise AttributeError(f"module 'swsss' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_HOME[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
