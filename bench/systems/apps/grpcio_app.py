"""grpcio by hand, as its documentation shows it: `grpcio_app.py PORT sync|aio`, generated messages on the path."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bench_models
import grpc
import numpy as np
import open_inference_pb2 as messages
import open_inference_pb2_grpc as services

SERVABLES = {name: bench_models.load(name) for name in bench_models.PATHS}
TYPES = {np.dtype(np.float32): "FP32", np.dtype(np.int64): "INT64"}


def infer(request: Any) -> Any:
    given = request.inputs[0]
    x = np.frombuffer(request.raw_input_contents[0], dtype=np.float32).reshape(given.shape)
    answer = messages.ModelInferResponse(model_name=request.model_name, model_version="1")
    for name, array in SERVABLES[request.model_name].run(x).items():
        answer.outputs.add(name=name, datatype=TYPES[array.dtype], shape=array.shape)
        answer.raw_output_contents.append(array.tobytes())
    return answer


class Sync(services.GRPCInferenceServiceServicer):
    def ModelInfer(self, request: Any, context: Any) -> Any:
        return infer(request)


class Aio(services.GRPCInferenceServiceServicer):
    async def ModelInfer(self, request: Any, context: Any) -> Any:
        return infer(request)


async def serve_aio(address: str) -> None:
    server = grpc.aio.server()
    services.add_GRPCInferenceServiceServicer_to_server(Aio(), server)
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


def serve_sync(address: str) -> None:
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    services.add_GRPCInferenceServiceServicer_to_server(Sync(), server)
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    address = f"127.0.0.1:{sys.argv[1]}"
    if sys.argv[2] == "aio":
        asyncio.run(serve_aio(address))
    else:
        serve_sync(address)
