"""The floor under a Python gateway with a hop: apps/prototype_gateway.py asks apps/prototype_model.py."""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring.platform import free_port
from measuring.requests import Target, oip_json

from systems.peer import APPS, Peer
from systems.process import Server

_START = """
"$1" "$2/prototype_model.py" "$3" &
while [ ! -S "$3" ]; do kill -0 $! || exit 1; sleep 0.05; done
exec "$1" "$2/prototype_gateway.py" "$4" "$3"
"""


class Prototype(Peer):
    """Both of its processes are on the server's core, in BMS's own environment."""

    name = "prototype"
    shown = ("uvloop", "httptools", "msgspec", "orjson", "onnxruntime")
    settings = "bare gateway with a hop to a model process that batches; no key, limits, metering, routing or checks"

    def start(self) -> None:
        self.python = Path(sys.executable)
        self._folder = tempfile.TemporaryDirectory(prefix="bms-prototype-")
        self.port = free_port()
        self.servers = [Server(self.command(), self.port, self.name, self.environment())]

    def command(self) -> Sequence[str]:
        """The model process first; the gateway when its socket is there."""
        return [
            "/bin/sh",
            "-c",
            _START,
            "sh",
            str(self.python),
            str(APPS),
            f"{self._folder.name}/socket",
            str(self.port),
        ]

    def targets(self) -> Mapping[str, Target]:
        row = oip_json(self.port, "bmsk_floor.not-checked-but-as-long-as-a-real-one-is-at-least")
        return {"row-json": row, "row-heads": row._replace(fresh=True)}

    def stop(self) -> None:
        super().stop()
        self._folder.cleanup()
