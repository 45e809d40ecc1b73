"""A peer that needs no introduction: FastAPI on uvicorn, see apps/fastapi_app.py."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from measuring.machine import DIGITS
from measuring.platform import free_port
from measuring.requests import Target, oip_json

from systems.environment import environment
from systems.process import Server

REQUIREMENTS = ("fastapi", "uvicorn[standard]", "onnxruntime", "numpy", "orjson")


class FastApi:
    name = "FastAPI by hand"

    def start(self) -> None:
        self._python = environment("fastapi", REQUIREMENTS)
        port = free_port()
        os.environ["MODEL"] = str(DIGITS)
        command = [
            str(self._python),
            "-m",
            "uvicorn",
            "fastapi_app:app",
            "--app-dir",
            str(Path(__file__).parent / "apps"),
        ]
        command += ["--port", str(port), "--log-level", "error", "--no-access-log", "--loop", "uvloop"]
        self._server = Server([*command, "--http", "httptools"], port, self.name)

    def targets(self) -> Mapping[str, Target]:
        return {"OIP JSON": oip_json(self._server.port, "")}

    def pids(self) -> Mapping[str, list[int]]:
        return {"server": [self._server.pid]}

    def facts(self) -> Mapping[str, str]:
        code = "from importlib.metadata import version as v; print(*(f'{n} {v(n)}' for n in %r), sep=', ')"
        names = ("fastapi", "uvicorn", "pydantic", "onnxruntime", "orjson")
        said = subprocess.run([self._python, "-c", code % (names,)], capture_output=True, text=True, check=True).stdout
        return {"FastAPI by hand": f"{said.strip()}; one worker, no key, no metering, no batching"}

    def stop(self) -> None:
        self._server.stop()
