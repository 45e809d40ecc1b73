"""LitServe, see apps/litserve_app.py."""

from collections.abc import Mapping, Sequence

from measuring.models import IMAGE, ROW
from measuring.requests import Target, named_json

from systems.peer import APPS, Peer


class LitServe(Peer):
    name = "litserve"
    requirements = ("litserve", "onnxruntime", "numpy")
    shown = ("litserve", "fastapi", "uvicorn", "onnxruntime")
    settings = "one API server, one worker process per model, fast_queue (ZeroMQ), no batching"

    def command(self) -> Sequence[str]:
        return [str(self.python), str(APPS / "litserve_app.py"), str(self.port)]

    def targets(self) -> Mapping[str, Target]:
        return {
            "row-json": named_json(self.port, f"/{ROW.name}", ROW),
            "image-json": named_json(self.port, f"/{IMAGE.name}", IMAGE),
        }

    def missing(self) -> Mapping[str, str]:
        return dict.fromkeys(("row-binary", "image-binary"), "requests are JSON or forms")
