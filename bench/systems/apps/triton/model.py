"""A model of Triton's Python backend, as its documentation shows: every request of a batch in one run."""

import json
import os

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = json.loads(os.environ["BENCH_MODELS"])[args["model_name"]]
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self.session.get_outputs()]

    def execute(self, requests: list) -> list:
        given = [triton.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        found = self.session.run(self.names, {"x": given[0] if len(given) == 1 else np.concatenate(given)})
        responses, at = [], 0
        for x in given:
            rows = slice(at, at + len(x))
            tensors = [triton.Tensor(name, array[rows]) for name, array in zip(self.names, found, strict=True)]
            responses.append(triton.InferenceResponse(tensors))
            at += len(x)
        return responses
