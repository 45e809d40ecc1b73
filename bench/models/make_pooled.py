"""Makes pooled.onnx, the image model of the benchmarks: `python bench/models/make_pooled.py`, with the `onnx` package.

A real image model whose arithmetic is cheap, so that what is compared is how tensors of 602 KB travel: the mean of each
channel, then one dense layer to ten classes and a softmax. x FP32 [N, 3, 224, 224] -> scores FP32 [N, 10].
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def main() -> None:
    random = np.random.default_rng(7)
    weights = random.standard_normal((3, 10), dtype=np.float32)
    bias = random.standard_normal(10, dtype=np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["x"], ["means"]),
            helper.make_node("Flatten", ["means"], ["features"]),
            helper.make_node("Gemm", ["features", "weights", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["scores"]),
        ],
        "pooled",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 224, 224])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, Path(__file__).with_name("pooled.onnx"))


if __name__ == "__main__":
    main()
