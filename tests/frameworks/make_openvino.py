"""Makes OpenVINO IR models of the digits, one folder each: `model/` and, by the signature's names, `expected.npz`.

"digits" is a softmax regression, fitted here; "halves" the same with weights in half precision, as is OpenVINO's habit;
"two" takes two inputs; "whole" lets rows depend on one another; "bare" has no weights.
"""

import sys
from pathlib import Path

sys.modules["openvino_telemetry"] = None  # else the next line reports home

import numpy as np  # noqa: E402
import openvino as ov  # noqa: E402
from openvino import opset13 as ops  # noqa: E402

DATA = Path(__file__).parent.parent / "data"
with np.load(DATA / "digits.npz") as digits:
    X, CLASS = digits["x"].astype(np.float32), digits["y"].astype(int)


def main(root):
    save(root / "digits", digits_model(), {"x": X[:9]})
    save(root / "halves", digits_model(), {"x": X[:9]}, compress_to_fp16=True)
    index, shift = parameter("index", [-1], np.int64), parameter("shift", [-1, 4], np.float32)
    table = ops.constant(np.arange(12, dtype=np.float32).reshape(3, 4))
    row = ops.gather(table, index, ops.constant(0))
    made = model([named(ops.add(row, shift), "sum"), named(ops.relu(shift), "shifted")], [index, shift])
    save(root / "two", made, {"index": np.array([2, 0, 1]), "shift": X[:3, 10:14]})
    x = parameter("x", [-1, 4], np.float32)
    save(root / "whole", model([named(ops.softmax(x, 0), "y")], [x]), {"x": X[:5, 20:24]})
    x = parameter("x", [-1, 4], np.float32)
    save(root / "bare", model([named(ops.relu(x), "y")], [x]), {"x": X[:5, 20:24] - 1})


def digits_model():
    weights, wanted = np.zeros((64, 10), np.float32), np.eye(10, dtype=np.float32)[CLASS]
    for _ in range(200):
        exponents = np.exp(X @ weights)
        weights -= X.T @ (exponents / exponents.sum(axis=1, keepdims=True) - wanted) / len(X)
    x = parameter("x", [-1, 64], np.float32)
    return model([named(ops.softmax(ops.matmul(x, ops.constant(weights), False, False), 1), "probabilities")], [x])


def parameter(name, shape, kind):
    return named(ops.parameter(shape, kind, name=name), name)


def named(node, name):
    node.output(0).set_names({name})
    return node


def model(results, parameters):
    return ov.Model(results, parameters, "made")


def save(folder, made, inputs, *, compress_to_fp16=False):
    (folder / "model").mkdir(parents=True)
    ov.save_model(made, folder / "model" / "model.xml", compress_to_fp16=compress_to_fp16)
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    told = ov.compile_model(folder / "model" / "model.xml", "CPU", settings)(inputs)
    np.savez(folder / "expected.npz", **inputs, **{port.get_any_name(): array for port, array in told.items()})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
