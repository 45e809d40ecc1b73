"""The floor under any HTTP server on this loop: uvloop and httptools read a request whole and answer a constant."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring.models import IMAGE
from measuring.platform import free_port
from measuring.requests import Target, oip_binary, oip_json

from systems.peer import APPS, Peer
from systems.process import Server

_KEY = "bmsk_floor.not-checked-but-as-long-as-a-real-one-is-at-least"


class FloorHttp(Peer):
    """It takes the bytes that BMS takes, in BMS's own environment, and answers nothing of use."""

    name = "floor-http"
    shown = ("uvloop", "httptools")
    settings = "reads a request whole and answers a constant of 300 bytes: no JSON, no model"

    def start(self) -> None:
        self.python = Path(sys.executable)
        self.port = free_port()
        self.servers = [Server(self.command(), self.port, self.name)]

    def command(self) -> Sequence[str]:
        return [str(self.python), str(APPS / "constant.py"), str(self.port)]

    def targets(self) -> Mapping[str, Target]:
        row = oip_json(self.port, _KEY)
        return {
            "row-json": row,
            "row-heads": row._replace(fresh=True),
            "row-binary": oip_binary(self.port, _KEY),
            "image-json": oip_json(self.port, _KEY, IMAGE.name, IMAGE),
            "image-binary": oip_binary(self.port, _KEY, IMAGE.name, IMAGE),
        }
