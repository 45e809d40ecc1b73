"""What an experienced person writes by hand: FastAPI, pydantic for the Open Inference Protocol, ONNX Runtime inline.

Runs in an environment of its own, under uvicorn with uvloop and httptools, one worker. No key, no metering, no
batching, no isolation: it does less than a platform.
"""

import os
from typing import Any

import numpy as np
import onnxruntime
from fastapi import FastAPI, HTTPException
from fastapi.responses import ORJSONResponse
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
app = FastAPI()


class InputTensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class InferRequest(BaseModel):
    inputs: list[InputTensor]
    id: str | None = None


@app.post("/v2/models/digits/infer")
async def infer(request: InferRequest) -> Any:
    if len(request.inputs) != 1 or request.inputs[0].name != "x":
        raise HTTPException(400, "this model takes one input, x")
    given = request.inputs[0]
    x = np.array(given.data, dtype=np.float32).reshape(given.shape)
    label, probabilities = session.run(["label", "probabilities"], {"x": x})
    outputs = [
        {"name": "label", "datatype": "INT64", "shape": list(label.shape), "data": label},
        {
            "name": "probabilities",
            "datatype": "FP32",
            "shape": list(probabilities.shape),
            "data": probabilities.reshape(-1),
        },
    ]
    return ORJSONResponse({"model_name": "digits", "model_version": "1", "outputs": outputs})
