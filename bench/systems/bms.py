"""The platform itself, as its own commands start it: keys checked, usage journalled and booked, every request."""

import socket
from collections.abc import Mapping
from importlib.metadata import version

from measuring.machine import LOAD_CORE, SERVER_CORE, pin
from measuring.models import IMAGE, ROW
from measuring.platform import Platform
from measuring.requests import Target, oip_binary, oip_grpc, oip_json, tfs_grpc

# RFC 9113: the client's preface (3.4), then an empty SETTINGS frame (6.5): length u24, type 4, flags, stream u32
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


class Bms:
    """Gateway and model servers share the server's core; supervisor and control run beside the load."""

    name = "bms"

    def __init__(self) -> None:
        self.platform = Platform()

    def start(self) -> None:
        self.platform.__enter__()
        try:
            for model in (ROW, IMAGE):
                self.platform.push(model.name, model.path)
                self.platform.deploy(model.name)
            self._http2 = answers_http2(self.platform.port)
            self.place(LOAD_CORE)
        except BaseException:
            self.stop()
            raise

    def place(self, control_core: int) -> None:
        """Where supervisor and control run; everything else is on the server's core."""
        for part, pids in self.pids().items():
            for pid in pids:
                pin(pid, control_core if part in ("supervisor", "control") else SERVER_CORE)

    def targets(self) -> Mapping[str, Target]:
        port, key = self.platform.port, self.platform.key
        targets = {
            "row-json": oip_json(port, key),
            "row-heads": oip_json(port, key)._replace(fresh=True),
            "row-binary": oip_binary(port, key),
            "image-json": oip_json(port, key, IMAGE.name, IMAGE),
            "image-binary": oip_binary(port, key, IMAGE.name, IMAGE),
        }
        if self._http2:
            targets.update({"row-grpc": oip_grpc(port, key), "row-predict": tfs_grpc(port, key)})
        return targets

    def missing(self) -> Mapping[str, str]:
        why = "the gateway does not answer HTTP/2 on its port"
        return {} if self._http2 else {"row-grpc": why, "row-predict": why}

    def alive(self) -> bool:
        return bool(self.platform.processes())

    def pids(self) -> Mapping[str, list[int]]:
        return self.platform.pids()

    def memory(self) -> int:
        return sum(process.memory for process in self.platform.processes())

    def facts(self) -> str:
        packages = ("onnxruntime", "numpy", "msgspec", "orjson", "uvloop", "httptools")
        versions = ", ".join(["bms " + version("bms"), *(f"{name} {version(name)}" for name in packages)])
        return f"{versions}; one gateway, one replica per model, keys checked, limits, metering and metrics on"

    def pause(self) -> None:
        """Never: its parts watch one another, as they must."""

    def resume(self) -> None:
        """As `pause`."""

    def stop(self) -> None:
        self.platform.remove()


def answers_http2(port: int) -> bool:
    """Whether a server takes HTTP/2 without TLS by prior knowledge (RFC 9113, 3.3): it answers with SETTINGS."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(_PREFACE)
        try:
            head = connection.recv(9)
        except (ConnectionError, TimeoutError):
            return False
    return len(head) >= 4 and head[3] == 4
