"""FastAPI as its documentation teaches it: pydantic models in and out, ONNX Runtime in the handler."""

import bench_models
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
digits, pooled = bench_models.load("digits"), bench_models.load("pooled")


class Rows(BaseModel):
    x: list[list[float]]


class Digits(BaseModel):
    label: list[int]
    probabilities: list[list[float]]


class Images(BaseModel):
    x: list[list[list[list[float]]]]


class Scores(BaseModel):
    scores: list[list[float]]


@app.post("/digits")
async def predict_digits(rows: Rows) -> Digits:
    found = digits.run(np.array(rows.x, dtype=np.float32))
    return Digits(label=found["label"].tolist(), probabilities=found["probabilities"].tolist())


@app.post("/pooled")
async def predict_pooled(images: Images) -> Scores:
    return Scores(scores=pooled.run(np.array(images.x, dtype=np.float32))["scores"].tolist())
