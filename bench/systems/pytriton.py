"""PyTriton, the Python way into the same Triton, see apps/pytriton_app.py."""

import shutil
from collections.abc import Sequence

from measuring.platform import free_port

from systems.peer import APPS
from systems.triton import Triton


class PyTriton(Triton):
    name = "pytriton"
    settings = "functions bound to Triton through its own inference process, dynamic batching"

    def command(self) -> Sequence[str]:
        workspace = self.folder("workspace")
        shutil.rmtree(workspace)
        ports = [str(port) for port in (self.port, self.grpc_port, free_port())]
        return [str(self.python), str(APPS / "pytriton_app.py"), *ports, str(workspace)]

    def environment(self) -> dict[str, str]:
        found = super().environment()
        del found["LD_LIBRARY_PATH"]  # pytriton sets it for its child
        return found
