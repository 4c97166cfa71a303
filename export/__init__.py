"""From a checkpoint to one self-contained model file (ONNX, INT8, TensorRT).

The package can be called: `swsss.export(checkpoint)` is `swsss._api.exporting.export`, whose name it has.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """Python binds the name of a package that was imported, so that a function of this name would be lost."""

    @property
    def __wrapped__(self) -> Any:
        """What is called, whose signature and documentation `inspect` and `help` show."""
        return import_module("swsss._api.exporting").export

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.__wrapped__(*arguments, **options)


sys.modules[__name__].__class__ = _Callable
