"""MLServer with a custom runtime, see apps/mlserver_runtime.py."""

import json
from collections.abc import Mapping, Sequence

from measuring.models import IMAGE, MODELS
from measuring.platform import free_port
from measuring.requests import Target, oip_grpc, oip_json

from systems.peer import Peer


class MlServer(Peer):
    name = "mlserver"
    requirements = ("mlserver", "onnxruntime", "numpy")
    shown = ("mlserver", "uvicorn", "pydantic", "grpcio", "onnxruntime")
    settings = "custom runtime in the server's process (parallel_workers 0), no batching"

    def command(self) -> Sequence[str]:
        folder = self.folder("models")
        settings = {
            "debug": False,
            "host": "127.0.0.1",
            "http_port": self.port,
            "grpc_port": self.grpc_port,
            "metrics_port": free_port(),
            "parallel_workers": 0,
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        for model in MODELS:
            (folder / model.name).mkdir(exist_ok=True)
            described = {"name": model.name, "implementation": "mlserver_runtime.Onnx"}
            (folder / model.name / "model-settings.json").write_text(json.dumps(described))
        return [str(self.python.parent / "mlserver"), "start", str(folder)]

    def targets(self) -> Mapping[str, Target]:
        return {
            "row-json": oip_json(self.port, ""),
            "row-grpc": oip_grpc(self.grpc_port, ""),
            "image-json": oip_json(self.port, "", IMAGE.name, IMAGE),
        }

    def missing(self) -> Mapping[str, str]:
        return dict.fromkeys(("row-binary", "image-binary"), "no binary tensors over HTTP")
