"""KServe's Python server with two models of our own, as its documentation shows for custom predictors."""

import bench_models
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.utils.utils import generate_uuid


class Onnx(Model):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.load()

    def load(self) -> bool:
        self.servable = bench_models.load(self.name)
        self.ready = True
        return self.ready

    async def predict(self, payload: InferRequest, headers: dict[str, str] | None = None) -> InferResponse:
        found = self.servable.run(payload.inputs[0].as_numpy())
        outputs = []
        for name, array in found.items():
            output = InferOutput(name, list(array.shape), "INT64" if name == "label" else "FP32")
            output.set_data_from_numpy(array, binary_data=payload.use_binary_outputs)
            outputs.append(output)
        return InferResponse(payload.id or generate_uuid(), self.name, outputs)


if __name__ == "__main__":
    ModelServer().start([Onnx(name) for name in bench_models.PATHS])
