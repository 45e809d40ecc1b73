"""BentoML, see apps/bentoml_app.py."""

from collections.abc import Mapping, Sequence

from measuring.models import IMAGE, ROW
from measuring.requests import Target, named_json

from systems.peer import APPS, Peer


class BentoMl(Peer):
    name = "bentoml"
    requirements = ("bentoml", "onnxruntime", "numpy")
    shown = ("bentoml", "uvicorn", "onnxruntime")
    settings = "one worker, async methods on typed NumPy arrays, no batching"

    def command(self) -> Sequence[str]:
        start = [str(self.python.parent / "bentoml"), "serve", "bentoml_app:Onnx", "--working-dir", str(APPS)]
        return [*start, "--host", "127.0.0.1", "--port", str(self.port)]

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "BENTOML_HOME": str(self.folder("home"))}

    def targets(self) -> Mapping[str, Target]:
        return {
            "row-json": named_json(self.port, "/digits", ROW),
            "image-json": named_json(self.port, "/pooled", IMAGE),
        }

    def missing(self) -> Mapping[str, str]:
        return dict.fromkeys(("row-binary", "image-binary"), "NumPy arguments come as JSON")
