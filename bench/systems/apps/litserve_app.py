"""LitServe as its documentation shows it, one API per model: `litserve_app.py PORT`."""

import sys

import bench_models
import litserve
import numpy as np


class Onnx(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.servable = bench_models.load(self.api_path.strip("/"))

    def decode_request(self, request) -> np.ndarray:  # not annotated: an annotation is the type to parse into
        return np.array(request["x"], dtype=np.float32)

    def predict(self, x: np.ndarray) -> dict[str, np.ndarray]:
        return self.servable.run(x)

    def encode_response(self, output: dict[str, np.ndarray]) -> dict[str, list]:
        return {name: array.tolist() for name, array in output.items()}


if __name__ == "__main__":
    apis = [Onnx(api_path=f"/{name}") for name in bench_models.PATHS]
    server = litserve.LitServer(apis, accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, generate_client_file=False, log_level="error"
    )
