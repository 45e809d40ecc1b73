"""Ray Serve, see apps/ray_app.py."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring.machine import LOAD_CORE, SERVER_CORE, pin
from measuring.models import IMAGE, ROW
from measuring.requests import Target, named_json, raw_tensor

from systems.peer import APPS, Peer

_ANSWERING = ("ray::ProxyActor", "ray::ServeReplica")


class RayServe(Peer):
    """What answers requests is on the server's core; Ray's own services run beside the load, like BMS's control."""

    name = "ray"
    requirements = ("ray[serve]", "onnxruntime", "numpy")
    shown = ("ray", "uvicorn", "onnxruntime")
    settings = (
        "one proxy and one replica per model, no batching, access log off. Proxy and replica are pinned to one core, "
        "for which Ray Serve is not made: its figures say little of how it does on a cluster"
    )

    def start(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="bms-ray-", dir="/tmp"))  # the paths of its sockets must be short
        super().start()

    def command(self) -> Sequence[str]:
        return [str(self.python), str(APPS / "ray_app.py"), str(self.port), str(self._folder)]

    def pids(self) -> Mapping[str, list[int]]:
        found: dict[str, list[int]] = {"server": [], "ray": []}
        for pid in self.servers[0].pids():
            part = "server" if _title(pid).startswith(_ANSWERING) else "ray"
            found[part].append(pid)
        return found

    def resume(self) -> None:
        super().resume()
        for part, pids in self.pids().items():
            for pid in pids:
                pin(pid, SERVER_CORE if part == "server" else LOAD_CORE)

    def targets(self) -> Mapping[str, Target]:
        return {
            "row-json": named_json(self.port, f"/{ROW.name}", ROW),
            "row-binary": raw_tensor(self.port, f"/{ROW.name}", ROW),
            "image-json": named_json(self.port, f"/{IMAGE.name}", IMAGE),
            "image-binary": raw_tensor(self.port, f"/{IMAGE.name}", IMAGE),
        }

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
