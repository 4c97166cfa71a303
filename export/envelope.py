"""What stands around the nets' convolutions, in ONNX's own text syntax.

`LabelGraph` says the same in PyTorch. Where a line has to know a size, it asks the graph: N, H, W and K stay free.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from swsss.export.decision import Decision


@dataclass(frozen=True)
class Layout:
    """How a net's pieces stand in the graph.

    Args:
        multiple: Sides of images its encoder takes; others are padded, and the padding is cut off the logits.
        shortcut: Whether the encoder gives, besides the context, a shortcut at stride 4 that joins it.
        corners: Whether the corners of context and shortcut lie on each other.
    """

    multiple: int = 1
    shortcut: bool = True
    corners: bool = True


def envelope(nets: Sequence[Layout], scales: Sequence[float], *, flip: bool, half: bool, decision: Decision) -> str:
    """Write the graph around the nets, for `onnx.parser.parse_graph`.

    Nodes of the domain `swsss` stand for a net's encoder and decoder. The initializers it expects: `mean`,
    `variance`, `scale`, `offset` [3], `max_side` int64 [1], each classifier's `head{n}_weight` ([C, F] where candidates
    are gathered, else [C, F, 1, 1]) and `head{n}_bias` [C], and those of `decision`.

    Args:
        nets: Those that are averaged.
        scales: Of test-time augmentation, multiples of 1/4.
        flip: Whether each view is seen mirrored as well.
        half: Whether encoders and decoders compute in float16.
        decision: How scores become mask and confidence.
    """
    text = _BEGIN + (_IDS if decision.conditioned else "") + (_CUBIC if set(scales) != {1.0} else "")
    scores = []
    for quarters in (round(scale * 4) for scale in scales):
        text += _rescaled(quarters) if quarters != 4 else ""
        text += _MIRROR.format(out=f"view_{quarters}_m", x=f"view_{quarters}") if flip else ""
        for net, layout in enumerate(nets):
            name = f"s{quarters}_n{net}"
            text += _logits(name, f"view_{quarters}", net, layout, gathered=decision.gathered, half=half)
            if flip:
                mirrored = f"view_{quarters}_m"
                text += _logits(f"{name}_m", mirrored, net, layout, gathered=decision.gathered, half=half)
                text += _MIRROR.format(out=f"{name}_back", x=f"{name}_m_logits")
                text += f"    {name}_both = Add ({name}_logits, {name}_back)\n"
            text += _UPSAMPLE.format(v=name, x=f"{name}_both" if flip else f"{name}_logits")
            scores.append(f"{name}_scores")
    text += decision.text(scores, count=len(scores) * (2 if flip else 1))
    candidates = ", int64[batch, slots] candidates" if decision.conditioned else ""
    inputs = f"uint8[batch, height, width, 3] image{candidates}"
    return f"swsss ({inputs}) => (uint8[batch, height, width] mask, uint8[batch, height, width] confidence) {{{text}}}"


def _rescaled(quarters: int) -> str:
    rows = _MATRIX.format(m=f"rows_{quarters}", q=quarters, start="zero", end="one")
    columns = _MATRIX.format(m=f"columns_{quarters}", q=quarters, start="one", end="two")
    return (_VIEW + rows + columns + _APPLY).format(q=quarters)


def _logits(name: str, view: str, net: int, layout: Layout, *, gathered: bool, half: bool) -> str:
    padded = layout.multiple > 1
    body = (_PAD if padded else "") + (_SHORTCUT if layout.shortcut else _PATCHES) + (_CROP if padded else "")
    text = body + (_GATHERED_HEAD if gathered else _PLAIN_HEAD) + _CLIP
    return text.format(
        v=name,
        view=f"{name}_padded" if padded else view,
        whole=view,
        net=net,
        multiple=layout.multiple,
        less=layout.multiple - 1,
        corners="align_corners" if layout.corners else "half_pixel",
        decoded=f"{name}_uncut" if padded else f"{name}_features",
        cells=f"{name}_cells" if padded else f"{name}_size",
        dtype=10 if half else 1,  # TensorProto.FLOAT16, FLOAT
    )


# The Cast comes first because TensorRT takes uint8 only so. Normalising is a batch norm with fixed statistics: Sub and
# Mul by three numbers are slow once ONNX Runtime has moved the channels last. Int64 Div truncates: floor for sizes.
_BEGIN = """
    zero = Constant <value_ints = [0]> ()
    one = Constant <value_ints = [1]> ()
    two = Constant <value_ints = [2]> ()
    three = Constant <value_ints = [3]> ()
    four = Constant <value_ints = [4]> ()
    minus_one = Constant <value_ints = [-1]> ()
    far_left = Constant <value_ints = [-1000000000]> ()
    pixels = Cast <to = 1> (image)
    planes = Transpose <perm = [0, 3, 1, 2]> (pixels)
    normal = BatchNormalization <epsilon = 0.0> (planes, scale, offset, mean, variance)
    stack = Shape <start = 0, end = 2> (normal)
    size = Shape <start = 2, end = 4> (normal)
    longest = ReduceMax <keepdims = 1> (size)
    limit = Max (longest, max_side)
    twice_limit = Mul (limit, two)
    twice_side = Mul (max_side, two)
    enlarged = Mul (size, twice_side)
    rounding = Add (enlarged, limit)
    fitted = Div (rounding, twice_limit)
    reduced = Max (fitted, one)
    reduced_shape = Concat <axis = 0> (stack, reduced)
    view_4 = Resize <mode = "linear", coordinate_transformation_mode = "half_pixel"> (normal, , , reduced_shape)
"""

# An empty slot repeats a candidate, or background when there is none: it can never win another class, and no number
# has to stand for "never".
_IDS = """
    plane_axes = Constant <value_ints = [2, 3]> ()
    highest_id = ReduceMax <keepdims = 1> (candidates, one)
    filler = Max (highest_id, zero)
    is_class = GreaterOrEqual (candidates, zero)
    ids = Where (is_class, candidates, filler)
    is_class_number = Cast <to = 1> (is_class)
    valid = Unsqueeze (is_class_number, plane_axes)
"""

# Bicubic as two products with a matrix [out, in] an axis, because ONNX Runtime's own cubic Resize takes as long as the
# nets. A row holds the four weights of Keys' kernel (a = -0.75) around its source position; beyond the border the
# border pixel counts, as in `F.interpolate`.
_VIEW = """
    quarters_{q} = Constant <value_ints = [{q}]> ()
    product_{q} = Mul (reduced, quarters_{q})
    rounded_{q} = Add (product_{q}, two)
    side_{q} = Div (rounded_{q}, four)
"""

_MATRIX = """
    {m}_in = Slice (reduced, {start}, {end}, zero)
    {m}_out = Slice (side_{q}, {start}, {end}, zero)
    {m}_in_number = Cast <to = 1> ({m}_in)
    {m}_out_number = Cast <to = 1> ({m}_out)
    {m}_ratio = Div ({m}_in_number, {m}_out_number)
    {m}_out_scalar = Squeeze ({m}_out, zero)
    {m}_in_scalar = Squeeze ({m}_in, zero)
    {m}_rows = Range (zero_scalar, {m}_out_scalar, one_scalar)
    {m}_columns = Range (zero_scalar, {m}_in_scalar, one_scalar)
    {m}_row_numbers = Cast <to = 1> ({m}_rows)
    {m}_column_numbers = Cast <to = 1> ({m}_columns)
    {m}_middles = Add ({m}_row_numbers, half)
    {m}_scaled = Mul ({m}_middles, {m}_ratio)
    {m}_source = Sub ({m}_scaled, half)
    {m}_base = Floor ({m}_source)
    {m}_fraction = Sub ({m}_source, {m}_base)
    {m}_offset = Sub ({m}_fraction, taps)
    {m}_d = Abs ({m}_offset)
    {m}_near_1 = Mul ({m}_d, near_3)
    {m}_near_2 = Add ({m}_near_1, near_2)
    {m}_near_3 = Mul ({m}_near_2, {m}_d)
    {m}_near_4 = Mul ({m}_near_3, {m}_d)
    {m}_near = Add ({m}_near_4, one_number)
    {m}_far_1 = Mul ({m}_d, far_3)
    {m}_far_2 = Add ({m}_far_1, far_2)
    {m}_far_3 = Mul ({m}_far_2, {m}_d)
    {m}_far_4 = Add ({m}_far_3, far_1)
    {m}_far_5 = Mul ({m}_far_4, {m}_d)
    {m}_far = Add ({m}_far_5, far_0)
    {m}_is_near = LessOrEqual ({m}_d, one_number)
    {m}_weights = Where ({m}_is_near, {m}_near, {m}_far)
    {m}_last = Sub ({m}_in_number, one_number)
    {m}_tap = Add ({m}_base, taps)
    {m}_not_before = Max ({m}_tap, zero_number)
    {m}_inside = Min ({m}_not_before, {m}_last)
    {m}_inside_column = Unsqueeze ({m}_inside, two)
    {m}_weight_column = Unsqueeze ({m}_weights, two)
    {m}_hit = Equal ({m}_inside_column, {m}_column_numbers)
    {m}_spread = Where ({m}_hit, {m}_weight_column, zero_number)
    {m} = ReduceSum <keepdims = 0> ({m}_spread, zero)
"""

_CUBIC = """
    zero_scalar = Constant <value_int = 0> ()
    one_scalar = Constant <value_int = 1> ()
    zero_number = Constant <value_float = 0.0> ()
    one_number = Constant <value_float = 1.0> ()
    half = Constant <value_float = 0.5> ()
    tap_row = Constant <value_floats = [-1.0, 0.0, 1.0, 2.0]> ()
    taps = Unsqueeze (tap_row, one)
    near_3 = Constant <value_float = 1.25> ()
    near_2 = Constant <value_float = -2.25> ()
    far_3 = Constant <value_float = -0.75> ()
    far_2 = Constant <value_float = 3.75> ()
    far_1 = Constant <value_float = -6.0> ()
    far_0 = Constant <value_float = 3.0> ()
"""

_APPLY = """
    wide_{q} = Transpose <perm = [1, 0]> (columns_{q})
    widened_{q} = MatMul (view_4, wide_{q})
    view_{q} = MatMul (rows_{q}, widened_{q})
"""

_MIRROR = """
    {out} = Slice ({x}, minus_one, far_left, three, minus_one)
"""

_PAD = """
    {v}_side = Shape <start = 2, end = 4> ({whole})
    {v}_multiple = Constant <value_ints = [{multiple}]> ()
    {v}_less = Constant <value_ints = [{less}]> ()
    {v}_raised = Add ({v}_side, {v}_less)
    {v}_steps = Div ({v}_raised, {v}_multiple)
    {v}_padded_side = Mul ({v}_steps, {v}_multiple)
    {v}_missing = Sub ({v}_padded_side, {v}_side)
    {v}_nowhere_else = Constant <value_ints = [0, 0, 0, 0, 0, 0]> ()
    {v}_pads = Concat <axis = 0> ({v}_nowhere_else, {v}_missing)
    {v}_padded = Pad ({whole}, {v}_pads)
"""

# Cells of stride 4 that see anything of the image.
_CROP = """
    {v}_begun = Add ({v}_side, three)
    {v}_cells = Div ({v}_begun, four)
    {v}_corner = Constant <value_ints = [0, 0]> ()
    {v}_axes = Constant <value_ints = [2, 3]> ()
    {v}_features = Slice ({v}_uncut, {v}_corner, {v}_cells, {v}_axes)
"""

_SHORTCUT = """
    {v}_input = Cast <to = {dtype}> ({view})
    {v}_shortcut, {v}_context = swsss.encoder{net} ({v}_input)
    {v}_size = Shape <start = 2, end = 4> ({v}_shortcut)
    {v}_depth = Shape <start = 0, end = 2> ({v}_context)
    {v}_shape = Concat <axis = 0> ({v}_depth, {v}_size)
    {v}_spread = Resize <mode = "linear", coordinate_transformation_mode = "{corners}">
        ({v}_context, , , {v}_shape)
    {v}_joined = Concat <axis = 1> ({v}_spread, {v}_shortcut)
    {v}_decoded = swsss.decoder{net} ({v}_joined)
    {decoded} = Cast <to = 1> ({v}_decoded)
"""

_PATCHES = """
    {v}_input = Cast <to = {dtype}> ({view})
    {v}_context = swsss.encoder{net} ({v}_input)
    {v}_depth = Shape <start = 0, end = 2> ({v}_context)
    {v}_input_side = Shape <start = 2, end = 4> ({v}_input)
    {v}_size = Div ({v}_input_side, four)
    {v}_shape = Concat <axis = 0> ({v}_depth, {v}_size)
    {v}_spread = Resize <mode = "linear", coordinate_transformation_mode = "half_pixel"> ({v}_context, , , {v}_shape)
    {v}_decoded = swsss.decoder{net} ({v}_spread)
    {decoded} = Cast <to = 1> ({v}_decoded)
"""

# Of the 1×1 classifier only the candidates' rows are computed.
_GATHERED_HEAD = """
    {v}_rows = Gather <axis = 0> (head{net}_weight, ids)
    {v}_bias = Gather <axis = 0> (head{net}_bias, ids)
    {v}_bias_column = Unsqueeze ({v}_bias, two)
    {v}_feature_depth = Shape <start = 0, end = 2> ({v}_features)
    {v}_flat_shape = Concat <axis = 0> ({v}_feature_depth, minus_one)
    {v}_flat = Reshape ({v}_features, {v}_flat_shape)
    {v}_product = MatMul ({v}_rows, {v}_flat)
    {v}_sum = Add ({v}_product, {v}_bias_column)
    {v}_slots = Shape <start = 0, end = 2> ({v}_sum)
    {v}_logits_shape = Concat <axis = 0> ({v}_slots, {cells})
    {v}_raw = Reshape ({v}_sum, {v}_logits_shape)
"""

_PLAIN_HEAD = """
    {v}_raw = Conv ({v}_features, head{net}_weight, head{net}_bias)
"""

# An overflow in half precision must not become NaN in the interpolation.
_CLIP = """
    {v}_lowest = Constant <value_float = -10000.0> ()
    {v}_highest = Constant <value_float = 10000.0> ()
    {v}_logits = Clip ({v}_raw, {v}_lowest, {v}_highest)
"""

_UPSAMPLE = """
    {v}_stack = Shape <start = 0, end = 2> ({x})
    {v}_full = Concat <axis = 0> ({v}_stack, size)
    {v}_scores = Resize <mode = "linear", coordinate_transformation_mode = "align_corners"> ({x}, , , {v}_full)
"""
