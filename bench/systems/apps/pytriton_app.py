"""PyTriton as its documentation shows it: functions bound to Triton: `pytriton_app.py HTTP GRPC METRICS FOLDER`."""

import sys
from pathlib import Path

import bench_models
import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


def bind(triton: Triton, name: str, outputs: list[Tensor], most: int) -> None:
    servable = bench_models.load(name)

    @batch
    def infer(x: np.ndarray) -> dict[str, np.ndarray]:
        return {key: array.reshape(len(x), -1) for key, array in servable.run(x).items()}

    shape = tuple(servable.session.get_inputs()[0].shape[1:])
    triton.bind(
        model_name=name,
        infer_func=infer,
        inputs=[Tensor(name="x", dtype=np.float32, shape=shape)],
        outputs=outputs,
        config=ModelConfig(max_batch_size=most, batcher=DynamicBatcher()),
    )


if __name__ == "__main__":
    http, grpc, metrics = map(int, sys.argv[1:4])
    config = TritonConfig(http_address="127.0.0.1", http_port=http, grpc_port=grpc, metrics_port=metrics)
    with Triton(config=config, workspace=Path(sys.argv[4])) as server:
        scores = [Tensor(name="scores", dtype=np.float32, shape=(10,))]
        label = Tensor(name="label", dtype=np.int64, shape=(1,))
        bind(server, "digits", [label, Tensor(name="probabilities", dtype=np.float32, shape=(10,))], 64)
        bind(server, "pooled", scores, 8)
        server.serve()
