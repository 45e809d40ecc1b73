"""MLflow's scoring server (`mlflow models serve`), which serves one model: so there are two."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence

from measuring.answers import mlflow
from measuring.models import IMAGE, MODELS, ROW, Model
from measuring.platform import free_port, quiet_environment
from measuring.requests import Target, named_json

from systems import Missing
from systems.environment import environment
from systems.peer import APPS, Peer
from systems.process import Server


class MlFlow(Peer):
    name = "mlflow"
    requirements = ("mlflow<3.18", "onnx", "onnxruntime", "numpy")
    shown = ("mlflow", "uvicorn", "pandas", "onnxruntime")
    settings = "`mlflow models serve`, one worker per model; its memory is that of two servers, one for each model"

    def start(self) -> None:
        self.python = environment(self.name, self.requirements)
        self.ports = {model: free_port() for model in MODELS}
        self.servers = []
        try:
            for model, port in self.ports.items():
                self.servers.append(Server(self._serve(model), port, f"mlflow-{model.name}", self.environment()))
        except BaseException:
            self.stop()
            raise

    def _serve(self, model: Model) -> Sequence[str]:
        saved = self.folder("models") / model.name
        shutil.rmtree(saved, ignore_errors=True)
        save = [str(self.python), str(APPS / "mlflow_save.py"), str(model.path), str(saved)]
        done = subprocess.run(
            save, env={**quiet_environment(), **self.environment()}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Missing(f"mlflow can't save the model: {done.stderr[-300:]}")
        start = [str(self.python.parent / "mlflow"), "models", "serve", "-m", str(saved), "--env-manager", "local"]
        return [*start, "-h", "127.0.0.1", "-p", str(self.ports[model]), "--workers", "1"]

    def targets(self) -> Mapping[str, Target]:
        return {
            "row-json": named_json(self.ports[ROW], "/invocations", ROW, "inputs", mlflow),
            "image-json": named_json(self.ports[IMAGE], "/invocations", IMAGE, "inputs", mlflow),
        }

    def missing(self) -> Mapping[str, str]:
        return dict.fromkeys(("row-binary", "image-binary"), "requests are JSON or CSV")
