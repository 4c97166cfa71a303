"""From a model file to a TensorRT engine, and the JSON beside it."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx

from swsss import __version__
from swsss.data.files import write_whole
from swsss.errors import UserError
from swsss.export.proof import run_case, start_session
from swsss.export.samples import Case
from swsss.export.tensorrt.build import EngineOptions, build_plan
from swsss.export.tensorrt.int8 import symmetric
from swsss.model.file import read_info
from swsss.model.info import ModelInfo, hash_mask
from swsss.model.tensorrt.profiles import Profile, make_profile
from swsss.model.tensorrt.sidecar import EngineInfo, Sidecar, sidecar_path, this_platform

_RTX_CAPABILITY = "8.0+"


def build_engine(model: Path, options: EngineOptions, *, tell: Callable[[str], None] = lambda line: None) -> Sidecar:
    """Build NAME.engine and NAME.engine.json beside NAME.onnx.

    Args:
        model: Written by `export_onnx`.
        options: See `engine_options`.
        tell: Called with what is being done and with the profiles, a line each.

    Raises:
        UserError: The model is not ours, or no engine can be built of it or written; nothing was written then.
    """
    info, data = read_info(model), model.read_bytes()
    onnx_hash = hashlib.sha256(data).hexdigest()
    if info.precision == "int8":
        data, info = _for_int8(data, info)
    conditioned = info.task == "conditioned"
    profiles = [make_profile(size, len(info.classes), conditioned=conditioned) for size in options.sizes]
    tell(f"building an engine of {model} with {options.library}, which can take minutes")
    for profile in profiles:
        tell(f"  tuned for {profile.size}, takes {profile.taken}")
    plan = build_plan(data, info, profiles, options, tell)
    sidecar = Sidecar(**dict(info), engine=_describe(options, onnx_hash, plan, profiles))
    _write(model.with_suffix(".engine"), plan, sidecar)
    return sidecar


def _for_int8(data: bytes, info: ModelInfo) -> tuple[bytes, ModelInfo]:
    """The model as TensorRT takes it, described with the golden mask of its own rounding."""
    data = symmetric(onnx.load_from_string(data)).SerializeToString(deterministic=True)
    golden = info.golden
    if golden is not None:
        case = Case(golden.pixels(), np.array([golden.candidates], np.int64))
        mask, _ = run_case(start_session(data), case)
        golden = golden.model_copy(update={"mask": hash_mask(mask)})
    return data, info.model_copy(update={"golden": golden})


def _describe(options: EngineOptions, onnx_hash: str, plan: bytes, profiles: Sequence[Profile]) -> EngineInfo:
    capability, where = _RTX_CAPABILITY, "any"
    if not options.portable:
        assert options.gpu is not None, "choose_library lets TensorRT build only where there is a GPU"
        capability, where = options.gpu.compute_capability, this_platform()
    return EngineInfo(
        library=options.library.name,
        version=options.library.version,
        compute_capability=capability,
        platform=where,
        swsss=__version__,
        onnx=onnx_hash,
        sha256=hashlib.sha256(plan).hexdigest(),
        profiles=tuple(profiles),
    )


def _write(path: Path, plan: bytes, sidecar: Sidecar) -> None:
    """Engine first: wherever this stops, the hash in the sidecar tells that the engine is of another build."""
    try:
        write_whole(path, plan)
        write_whole(sidecar_path(path), sidecar.to_json())
    except OSError as error:
        raise UserError(f"The engine {path} cannot be written: {error.strerror}.") from None
