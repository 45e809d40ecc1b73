"""grpcio by hand, see apps/grpcio_app.py: with threads and with asyncio. Also the client that checks gRPC answers."""

import subprocess
from collections.abc import Mapping, Sequence

from measuring.platform import quiet_environment
from measuring.requests import Target, oip_grpc

from systems import Missing
from systems.environment import environment
from systems.peer import APPS, Peer

_REQUIREMENTS = ("grpcio", "grpcio-tools", "protobuf", "onnxruntime", "numpy")
_ENVIRONMENT = "grpcio"


class GrpcioSync(Peer):
    name = "grpcio"
    requirements = _REQUIREMENTS
    shares = _ENVIRONMENT
    shown = ("grpcio", "protobuf", "onnxruntime")
    settings = "generated messages, thread pool of four"
    kind = "sync"

    def start(self) -> None:
        self.python = environment(_ENVIRONMENT, self.requirements)
        made = self.folder("generated")
        command = [str(self.python), "-m", "grpc_tools.protoc", f"-I{APPS}", f"--python_out={made}"]
        command += [f"--grpc_python_out={made}", "open_inference.proto"]
        done = subprocess.run(command, cwd=APPS, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"the messages can't be generated: {done.stderr[-300:]}")
        super().start()

    def command(self) -> Sequence[str]:
        return [str(self.python), str(APPS / "grpcio_app.py"), str(self.port), self.kind]

    def environment(self) -> dict[str, str]:
        found = super().environment()
        return {**found, "PYTHONPATH": f"{found['PYTHONPATH']}:{self.folder('generated')}"}

    def targets(self) -> Mapping[str, Target]:
        return {"row-grpc": oip_grpc(self.port, "")}


class GrpcioAio(GrpcioSync):
    name = "grpcio-aio"
    settings = "generated messages, grpc.aio"
    kind = "aio"


def ask(target: Target) -> bytes:
    """The ModelInferResponse to one call by grpcio's client. Raises RuntimeError where it fails."""
    python = environment(_ENVIRONMENT, _REQUIREMENTS)
    pairs = [part for pair in target.headers.items() if pair[0] == "authorization" for part in pair]
    done = subprocess.run(
        [str(python), str(APPS / "grpc_ask.py"), str(target.port), target.path, *pairs],
        env=quiet_environment(),
        input=target.body[5:],
        capture_output=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace")[-300:])
    return done.stdout
