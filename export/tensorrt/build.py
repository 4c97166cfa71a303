"""Parse, check, build, check: one run of TensorRT's builder."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from swsss.errors import UserError
from swsss.export.tensorrt.cache import TimingCache, cache_path
from swsss.model.info import ModelInfo
from swsss.model.tensorrt.checks import check_engine, check_network
from swsss.model.tensorrt.library import (
    Gpu,
    Library,
    LibraryName,
    choose_library,
    current_gpu,
    first_error,
    make_logger,
    started,
)
from swsss.model.tensorrt.profiles import Profile, Size, parse_sizes


@dataclass(frozen=True)
class EngineOptions:
    """With what, and for what, an engine is built.

    Args:
        library: Loaded.
        gpu: The one that is here.
        sizes: One optimisation profile each.
    """

    library: Library
    gpu: Gpu | None
    sizes: tuple[Size, ...]

    @property
    def portable(self) -> bool:
        """Whether the engine is finished by the runtime, for the GPU it finds there."""
        return self.library.name == "tensorrt_rtx"


def engine_options(sizes: str, library: LibraryName | None = None) -> EngineOptions:
    """See that an engine can be built here, which takes no time, before a model is exported, which does.

    Args:
        sizes: As `1x375x500,8x512x512`.
        library: None takes TensorRT where there is a GPU, else TensorRT-RTX.

    Raises:
        UserError: The sizes cannot be read, or no library is installed that can build here.
    """
    parsed, gpu = parse_sizes(sizes), current_gpu()
    return EngineOptions(choose_library(gpu, library), gpu, parsed)


def build_plan(
    data: bytes, info: ModelInfo, profiles: Sequence[Profile], options: EngineOptions, tell: Callable[[str], None]
) -> bytes:
    """Build a serialised engine.

    Args:
        data: ONNX, with the types the engine is to have.
        info: What the model says of itself.
        profiles: Sizes to take.
        options: Library and GPU.
        tell: Called with what went wrong but stops nothing.

    Raises:
        UserError: The library refuses the model, or makes something else of it.
    """
    library, api = options.library, options.library.api
    logger = make_logger(library)
    builder = started(library, api.Builder, logger)
    network = builder.create_network(1 << int(api.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = api.OnnxParser(network, logger)
    if not parser.parse(data):
        raise UserError(f"{library} does not read the model file: {_refused(parser)}.")
    check_network(library, network, info)
    config = _configured(builder, api, profiles)
    # TensorRT-RTX times nothing, and asked for a cache it looks for a GPU.
    cache = None if options.portable else _timing_cache(config, options)
    built = _run(api, config, lambda: builder.build_serialized_network(network, config))
    if built is None:
        raise UserError(f"{library} cannot build the engine: {first_error(logger)}.")
    if cache is not None:
        cache.save(tell)
    plan = bytes(built)
    if not options.portable:
        _check_plan(library, plan, info, profiles)
    return plan


def _refused(parser: Any) -> str:
    error = parser.get_error(0)
    reasons = [line for line in error.desc().splitlines() if not line.startswith("Invalid Node")]
    reason = f"{error.code().name}, {reasons[0].rstrip('.')}" if reasons else error.code().name
    return f"at the node {error.node_name()} ({error.node_operator()}): {reason}" if error.node_name() else reason


def _configured(builder: Any, api: Any, profiles: Sequence[Profile]) -> Any:
    config = builder.create_builder_config()
    # float32 is float32: what was proven against PyTorch is what runs. Who wants speed exports fp16 or int8.
    config.clear_flag(api.BuilderFlag.TF32)
    for profile in profiles:
        wanted = builder.create_optimization_profile()
        for name, limits in profile.ranges.items():
            wanted.set_shape(name, limits.min, limits.opt, limits.max)
        config.add_optimization_profile(wanted)
    assert config.num_optimization_profiles == len(profiles), "every profile was taken"
    return config


def _run(api: Any, config: Any, build: Callable[[], Any]) -> Any:
    """Build in a thread: in the main one the library would swallow a Ctrl-C. Stopped, it ends with its next step."""
    monitor = config.progress_monitor = _make_monitor(api)
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(build)
        try:
            return building.result()
        except KeyboardInterrupt:
            monitor.stopped = True
            raise


def _make_monitor(api: Any) -> Any:
    base: Any = api.IProgressMonitor

    class Monitor(base):  # type: ignore[misc]  # TensorRT is not typed
        def __init__(self) -> None:
            base.__init__(self)
            self.stopped = False

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            pass

        def step_complete(self, phase: str, step: int) -> bool:
            return not self.stopped

        def phase_finish(self, phase: str) -> None:
            pass

    return Monitor()


def _timing_cache(config: Any, options: EngineOptions) -> TimingCache:
    assert options.gpu is not None, "choose_library lets TensorRT build only where there is a GPU"
    return TimingCache(config, cache_path(options.library, options.gpu))


def _check_plan(library: Library, plan: bytes, info: ModelInfo, profiles: Sequence[Profile]) -> None:
    logger = make_logger(library)
    runtime = started(library, library.api.Runtime, logger)
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise UserError(f"{library} built an engine that it cannot load: {first_error(logger)}.")
    check_engine(library, engine, info, profiles)
