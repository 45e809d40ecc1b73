"""The models as every Python peer runs them: one ONNX Runtime session each, one thread, on the CPU."""

import json
import os

import numpy as np
import onnxruntime


class Servable:
    """One ONNX file with one input, x."""

    def __init__(self, path: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.outputs = [output.name for output in self.session.get_outputs()]

    def run(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """FP32 [n, ...] to all outputs by name."""
        return dict(zip(self.outputs, self.session.run(self.outputs, {"x": x}), strict=True))


PATHS: dict[str, str] = json.loads(os.environ["BENCH_MODELS"])


def load(name: str) -> Servable:
    return Servable(PATHS[name])
