"""What TensorRT made of a model, held against what the model file says: inputs, outputs, types, precision, profiles."""

from collections.abc import Sequence
from typing import Any

from swsss.errors import UserError
from swsss.model.info import ModelInfo, Precision
from swsss.model.tensorrt.library import Library
from swsss.model.tensorrt.profiles import Profile
from swsss.model.tensorrt.sidecar import Mode, Tensor, tensors


def check_network(library: Library, network: Any, info: ModelInfo) -> None:
    """Hold a parsed network against the model's description, before it is built.

    Raises:
        UserError: It is not strongly typed, has other inputs or outputs, or computes in another precision.
    """
    typed = library.api.NetworkDefinitionCreationFlag.STRONGLY_TYPED
    if not network.get_flag(typed):
        raise UserError(f"{library} does not keep the types of the model file; install another version.")
    places = [("input", network.get_input(index)) for index in range(network.num_inputs)]
    places += [("output", network.get_output(index)) for index in range(network.num_outputs)]
    found = {tensor.name: _tensor(mode, tensor.dtype, tensor.shape) for mode, tensor in places}
    _require_equal(library, found, tensors(info))
    precision = computed_precision(library, network)
    if precision != info.precision:
        raise UserError(
            f"The model file says {info.precision}, but {library} would compute it in {precision}; export it again."
        )


def computed_precision(library: Library, network: Any) -> Precision:
    """What the convolutions of a strongly typed network compute in; some of a float16 or int8 net stay in float32."""
    kinds, types = library.api.LayerType, library.api.DataType
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    if any(layer.type == kinds.QUANTIZE for layer in layers):
        return "int8"
    halves = (layer.type == kinds.CONVOLUTION and layer.get_output(0).dtype == types.HALF for layer in layers)
    return "fp16" if any(halves) else "fp32"


def check_engine(library: Library, engine: Any, info: ModelInfo, profiles: Sequence[Profile]) -> None:
    """Hold a deserialised engine against the model's description and the profiles.

    Raises:
        UserError: It has other inputs, outputs, types or profiles.
    """
    found = {}
    for name in map(engine.get_tensor_name, range(engine.num_io_tensors)):
        mode: Mode = "input" if engine.get_tensor_mode(name) == library.api.TensorIOMode.INPUT else "output"
        found[name] = _tensor(mode, engine.get_tensor_dtype(name), engine.get_tensor_shape(name))
    _require_equal(library, found, tensors(info))
    built = [
        {name: _shapes(engine.get_tensor_profile_shape(name, index)) for name in profile.ranges}
        for index, profile in enumerate(profiles)
    ]
    wanted = [profile_shapes(profile) for profile in profiles]
    if engine.num_optimization_profiles != len(profiles) or built != wanted:
        raise UserError(f"The engine of {library} has the profiles {built} instead of {wanted}; please report it.")


def profile_shapes(profile: Profile) -> dict[str, list[tuple[int, ...]]]:
    """Smallest, tuned and largest shape of each input."""
    return {name: [limits.min, limits.opt, limits.max] for name, limits in profile.ranges.items()}


def _shapes(dimensions: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    return [tuple(shape) for shape in dimensions]


def _tensor(mode: Any, dtype: Any, shape: Sequence[int]) -> Tensor:
    return Tensor(mode=mode, dtype=dtype.name.lower(), shape=tuple(shape))


def _require_equal(library: Library, found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            raise UserError(
                f"In {library} the model has {_say(name, found.get(name))} instead of {_say(name, wanted.get(name))}; "
                "it was changed after swsss-export, or please report it."
            )


def _say(name: str, tensor: Tensor | None) -> str:
    return f"the {tensor.mode} {name} {tensor.dtype}{list(tensor.shape)}" if tensor else f"no {name}"
