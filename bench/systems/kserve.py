"""KServe's Python server with a custom predictor, see apps/kserve_app.py."""

from collections.abc import Mapping, Sequence

from measuring.models import IMAGE
from measuring.requests import Target, oip_binary, oip_grpc, oip_json

from systems.peer import APPS, Peer


class KServe(Peer):
    name = "kserve"
    requirements = ("kserve", "onnxruntime", "numpy")
    shown = ("kserve", "uvicorn", "grpcio", "onnxruntime")
    settings = "Python server, one worker, async predict, latency logging off"

    def command(self) -> Sequence[str]:
        command = [str(self.python), str(APPS / "kserve_app.py"), "--http_port", str(self.port)]
        return [*command, "--grpc_port", str(self.grpc_port), "--workers", "1", "--enable_latency_logging", "false"]

    def targets(self) -> Mapping[str, Target]:
        return {
            "row-json": oip_json(self.port, ""),
            "row-binary": oip_binary(self.port, ""),
            "row-grpc": oip_grpc(self.grpc_port, ""),
            "image-json": oip_json(self.port, "", IMAGE.name, IMAGE),
            "image-binary": oip_binary(self.port, "", IMAGE.name, IMAGE),
        }
