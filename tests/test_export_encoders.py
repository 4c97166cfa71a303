"""timm's encoders in the exported graph, at sizes that are no multiple of their patch or stride."""

import onnx
import onnx.parser
import pytest
from encoders import lively_net
from exports import assembled, case_of, quick_exports, source_of

from swsss.errors import UserError
from swsss.export.exporting import ExportOptions, build_onnx, export_onnx
from swsss.export.graph import LabelGraph
from swsss.export.int8 import Calibration, nodes_to_quantise
from swsss.export.proof import compare, require_agreement

CASES = [
    case_of([[0, 2, 3], [0, 4], [0]], 97, 131),
    case_of([[0, 1, 2]], 1, 1),
    case_of([[0, 1, 2, 3, 4]], 65, 33),
    case_of([[0, 1, 4]], 75, 301),
]
FAMILIES = {
    "tf_mobilenetv3_small_minimal_100": {},
    "test_convnext": {"output_stride": 8},
    "vit_small_patch14_reg4_dinov2": {},
    "vit_small_patch16_dinov3": {},
}


@pytest.mark.parametrize("name", FAMILIES)
def test_export__agrees(name):
    net = lively_net(name, **FAMILIES[name])
    tta = "flip" if name == "test_convnext" else "none"
    model = assembled(net, tta=tta, max_side=160)
    onnx.checker.check_model(model, full_check=True)
    found = compare(model.SerializeToString(), LabelGraph([net], tta, 160), CASES)
    require_agreement(found, "fp32")
    assert sum(one.differing for one in found) <= 5


@pytest.mark.parametrize("name", list(FAMILIES)[2:])
def test_export__half(name):
    net = lively_net(name)
    found = compare(assembled(net, half=True).SerializeToString(), LabelGraph([net]), CASES[:2])
    require_agreement(found, "fp16")


def test_export__tells_the_normalisation():
    net = lively_net("tf_mobilenetv3_small_minimal_100")
    with quick_exports():
        info = build_onnx(source_of(net), ExportOptions(max_side=160))[1]
    assert (info.mean, info.std) == (net.mean, net.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_int8__leaves_the_stem_of_timm_alone():
    graph = assembled(lively_net("tf_mobilenetv3_small_minimal_100")).graph
    chosen = set(nodes_to_quantise(graph))
    kept = [node for node in graph.node if node.op_type == "Conv" and node.name not in chosen]
    assert ["conv_stem" in node.input[1] for node in kept] == [True]
    assert len(chosen) > 30


def test_export__int8_of_a_vit(tmp_path):
    source = source_of(lively_net("vit_small_patch16_dinov3"))
    options = ExportOptions(precision="int8", calibration=Calibration(tmp_path))
    with pytest.raises(UserError, match=r"small\.safetensors has a ViT, .*; export it as fp16"):
        export_onnx(source, tmp_path / "a.onnx", options)


def test_compare__graph_of_a_fixed_size():
    graph = onnx.parser.parse_graph(
        "fixed (uint8[n, h, w, 3] image) => (uint8[n, h, w] mask, uint8[n, h, w] confidence) {"
        " shape = Constant <value_ints = [1, 8, 8, 3]> () one = Constant <value_ints = [3]> ()"
        " pixels = Cast <to = 1> (image) fixed = Reshape (pixels, shape) sum = ReduceSum <keepdims = 0> (fixed, one)"
        " mask = Cast <to = 2> (sum) confidence = Cast <to = 2> (sum) }"
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    with pytest.raises(UserError, match=r"fails at 9×9 pixels: .* Choose another net\.backbone"):
        compare(model.SerializeToString(), LabelGraph([lively_net("vit_small_patch16_dinov3")]), [case_of([[0]], 9, 9)])
