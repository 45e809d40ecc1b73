"""Ray Serve as its documentation shows it, one application per model: `ray_app.py PORT FOLDER`."""

import signal
import sys
from typing import Any

import bench_models
import numpy as np
import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response


@serve.deployment(num_replicas=1, max_ongoing_requests=256, ray_actor_options={"num_cpus": 0.5})
class Onnx:
    def __init__(self, name: str) -> None:
        self.servable = bench_models.load(name)
        self.shape = [-1, *self.servable.session.get_inputs()[0].shape[1:]]

    async def __call__(self, request: Request) -> Any:
        if request.headers["content-type"] == "application/json":
            x = np.array((await request.json())["x"], dtype=np.float32)
            return {name: array.tolist() for name, array in self.servable.run(x).items()}
        x = np.frombuffer(await request.body(), dtype=np.float32).reshape(self.shape)
        answer = b"".join(array.tobytes() for array in self.servable.run(x).values())
        return Response(answer, media_type="application/octet-stream")


if __name__ == "__main__":
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=256 << 20,
        log_to_driver=False,
        _temp_dir=sys.argv[2],
    )
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(sys.argv[1])}, logging_config={"enable_access_log": False}
    )
    for name in bench_models.PATHS:
        serve.run(Onnx.bind(name), name=name, route_prefix=f"/{name}")
    signal.pause()
