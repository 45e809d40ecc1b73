"""The platform itself, as its own commands start it: keys checked, usage journalled and booked, every request."""

from collections.abc import Mapping
from importlib.metadata import version

from measuring.machine import LOAD_CORE, SERVER_CORE, pin
from measuring.platform import Platform
from measuring.requests import Target, oip_binary, oip_json, tfs_json


class Bms:
    """Gateway and model server share the server's core; supervisor and control run beside the load."""

    name = "BMS"

    def __init__(self) -> None:
        self.platform = Platform()

    def start(self) -> None:
        self.platform.__enter__()
        try:
            self.platform.push()
            self.platform.deploy()
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
        return {"OIP JSON": oip_json(port, key), "TFS JSON": tfs_json(port, key), "OIP binary": oip_binary(port, key)}

    def pids(self) -> Mapping[str, list[int]]:
        return self.platform.pids()

    def facts(self) -> Mapping[str, str]:
        packages = ("onnxruntime", "numpy", "msgspec", "orjson", "uvloop", "httptools")
        return {"BMS": ", ".join([version("bms"), *(f"{name} {version(name)}" for name in packages)])}

    def stop(self) -> None:
        self.platform.remove()
