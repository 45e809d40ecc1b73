"""BentoML as its documentation shows it: typed NumPy arrays in, a dictionary out."""

from typing import Annotated, Any

import bench_models
import bentoml
import numpy as np
from bentoml.validators import DType, Shape


@bentoml.service(workers=1, traffic={"max_concurrency": 256})
class Onnx:
    def __init__(self) -> None:
        self.servables = {name: bench_models.load(name) for name in bench_models.PATHS}

    @bentoml.api
    async def digits(self, x: Annotated[np.ndarray, Shape((-1, 64)), DType("float32")]) -> dict[str, Any]:
        return {name: array.tolist() for name, array in self.servables["digits"].run(x).items()}

    @bentoml.api
    async def pooled(self, x: Annotated[np.ndarray, Shape((-1, 3, 224, 224)), DType("float32")]) -> dict[str, Any]:
        return {name: array.tolist() for name, array in self.servables["pooled"].run(x).items()}
