"""Stand-ins for what of TensorRT needs a GPU: its runtime, computing with ONNX Runtime where the addresses point to."""

import ctypes
import enum
import importlib.machinery
import types
from collections.abc import Sequence

import numpy as np
import onnxruntime

from swsss.model.tensorrt.profiles import Profile

SIZES = {"uint8": 1, "int64": 8}


def module(name: str, version: str, **members: object) -> types.ModuleType:
    """A module that can be put into `sys.modules`."""
    made = types.ModuleType(name)
    made.__spec__ = importlib.machinery.ModuleSpec(name, None)
    for key, value in {"__version__": version, **members}.items():
        setattr(made, key, value)
    return made


class Severity(enum.Enum):
    INTERNAL_ERROR, ERROR, WARNING = range(3)


class Logger:
    Severity = Severity


class Mode(enum.Enum):
    INPUT, OUTPUT = range(2)


class Strategy(enum.Enum):
    LAZY, EAGER, NONE = range(3)


class Context:
    """Refuses what TensorRT refuses: shapes outside the profile, shapes of another profile, missing addresses."""

    def __init__(self, engine: "Engine") -> None:
        self.engine, self.profile, self.switches = engine, 0, []
        self.shapes, self.addresses, self.seen = {}, {}, []
        self.broken = False

    def set_optimization_profile_async(self, index: int, stream: int) -> bool:
        self.profile, self.shapes = index, {}
        self.switches.append(index)
        return index < len(self.engine.profiles)

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        if not self.engine.profiles[self.profile].ranges[name].holds(shape):
            self.engine.logger.log(Severity.ERROR, f"{name} {shape} is outside profile {self.profile}.\nmore")
            return False
        self.shapes[name] = shape
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self.shapes["image"][:3] if name in {"mask", "confidence"} else self.shapes[name]

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        if self.broken:
            self.engine.logger.log(Severity.WARNING, "a warning")
            self.engine.logger.log(Severity.ERROR, "an illegal memory access was encountered.")
            return False
        feed = {value.name: self._read(value.name) for value in self.engine.session.get_inputs()}
        for name, values in zip(["mask", "confidence"], self.engine.session.run(None, feed), strict=True):
            ctypes.memmove(self.addresses[name], values.tobytes(), values.nbytes)
        self.seen.append((self.profile, self.shapes["image"], dict(self.addresses)))
        return True

    def _read(self, name: str) -> np.ndarray:
        shape, dtype = self.shapes[name], self.engine.get_tensor_dtype(name).name.lower()
        data = ctypes.string_at(self.addresses[name], int(np.prod(shape)) * SIZES[dtype])
        return np.frombuffer(data, dtype).reshape(shape)


class Config:
    dynamic_shapes_kernel_specialization_strategy = Strategy.LAZY


class Engine:
    """What `deserialize_cuda_engine` gives: the plan is an ONNX file."""

    def __init__(self, plan: bytes, profiles: Sequence[Profile], logger: Logger) -> None:
        self.session = onnxruntime.InferenceSession(plan, providers=["CPUExecutionProvider"])
        self.profiles, self.logger, self.contexts, self.configs = profiles, logger, [], []
        places = [(Mode.INPUT, value) for value in self.session.get_inputs()]
        places += [(Mode.OUTPUT, value) for value in self.session.get_outputs()]
        self.places = {value.name: (mode, value) for mode, value in places}
        self.num_io_tensors, self.num_optimization_profiles = len(places), len(profiles)

    def get_tensor_name(self, index: int) -> str:
        return list(self.places)[index]

    def get_tensor_mode(self, name: str) -> Mode:
        return self.places[name][0]

    def get_tensor_dtype(self, name: str) -> types.SimpleNamespace:
        return types.SimpleNamespace(name=self.places[name][1].type.removeprefix("tensor(")[:-1].upper())

    def get_tensor_shape(self, name: str) -> list[int]:
        return [side if isinstance(side, int) else -1 for side in self.places[name][1].shape]

    def get_tensor_profile_shape(self, name: str, index: int) -> list[list[int]]:
        limits = self.profiles[index].ranges[name]
        return [list(limits.min), list(limits.opt), list(limits.max)]

    def create_runtime_config(self) -> Config:
        return Config()

    def create_execution_context(self, config: Config | None = None) -> Context:
        self.configs.append(config)
        self.contexts.append(Context(self))
        return self.contexts[-1]


class Fake:
    """One of the libraries, with an engine for the given profiles in every plan.

    Args:
        profiles: Of the engine.
        change: Called with every engine before it is handed out; what it returns is handed out.
        plan: The ONNX file in every plan; None where the plan is one itself.
    """

    def __init__(self, profiles: Sequence[Profile], change=lambda engine: engine, plan: bytes | None = None) -> None:
        self.profiles, self.change, self.plan, self.engines = profiles, change, plan, []

    def module(self, name: str, version: str) -> types.ModuleType:
        members = {"ILogger": Logger, "Runtime": self.runtime, "TensorIOMode": Mode}
        members["DynamicShapesKernelSpecializationStrategy"] = Strategy
        return module(name, version, **members)

    def runtime(self, logger: Logger) -> types.SimpleNamespace:
        def load(plan: bytes) -> Engine | None:
            engine = self.change(Engine(self.plan or plan, self.profiles, logger))
            if engine is None:
                logger.log(logger.Severity.ERROR, "the plan is of another planet")
            else:
                self.engines.append(engine)
            return engine

        return types.SimpleNamespace(deserialize_cuda_engine=load)
