"""Real model servers in processes of their own, and a plain client of their frames."""

import os
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from bms.core.errors import BmsError, from_code
from bms.core.tensors.tensor import Array, Tensor
from bms.core.workloads.programs import (
    ARTIFACT,
    ModelServerConfig,
    Places,
    ServableConfig,
    ServableStatus,
    StdinSecrets,
)
from bms.protocols import frames
from bms.protocols.frames import Frame, FrameReader, FrameType
from tests import fork_server
from tests.fork_server import Forked
from tests.framework_env import SKLEARN, SOURCE, made_by

MODELS = Path(__file__).parent.parent / "contract" / "runtimes" / "make_artifacts.py"
PATIENCE_S = 30.0
TOKEN = b"the token of r1."


def model(path: str) -> str:
    """The folder of one of the made models, e.g. "onnx/mlp"."""
    return str(made_by(MODELS, SKLEARN) / path)


class ServerFile(msgspec.Struct, frozen=True):
    """What a model server's file holds, as `ProgramFile` says it."""

    config: ModelServerConfig
    places: Places

    @property
    def socket(self) -> str:
        return self.places.socket


def server_config(tmp_path: Path, servable: ServableConfig, **options: object) -> ServerFile:
    """The artifact is where `servable` says."""
    places = Places(directory=str(tmp_path), socket=str(tmp_path / "s"), trees={ARTIFACT: servable.directory})
    anywhere = msgspec.structs.replace(servable, directory="")
    return ServerFile(ModelServerConfig(replica="r1", servable=anywhere, **options), places)  # type: ignore[arg-type]


def mlp_config(tmp_path: Path, **options: object) -> ServerFile:
    servable = ServableConfig(runtime="onnx", directory=model("onnx/mlp"), model="mlp", version=3)
    return server_config(tmp_path, servable, **options)


def slow_config(tmp_path: Path, **options: object) -> ServerFile:
    servable = ServableConfig(runtime="onnx", directory=model("onnx/slow"), model="slow", version=1)
    return server_config(tmp_path, servable, **options)


class Server:
    """A started process and where it listens."""

    def __init__(self, process: "subprocess.Popen[bytes] | Forked", path: str, log: Path) -> None:
        self.process = process
        self.path = path
        self._log = log

    @property
    def log(self) -> list[dict[str, object]]:
        """What it wrote to stderr so far; every line is JSON."""
        return [msgspec.json.decode(line) for line in self._log.read_bytes().splitlines()]

    def connect(self) -> "Client":
        give_up = time.monotonic() + PATIENCE_S
        while True:
            try:
                return Client(self.path)
            except OSError:
                if self.process.poll() is not None or time.monotonic() > give_up:
                    raise
                time.sleep(0.01)

    def ready(self) -> "Client":
        """A client, once the model is AVAILABLE."""
        client = self.connect()
        while (status := client.status()).state in ("START", "LOADING"):
            time.sleep(0.01)
        assert status.state == "AVAILABLE", status.error
        return client

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextmanager
def started(
    config: ServerFile,
    *,
    python: Path | str = "",
    path: Path = SOURCE,
    sealed: StdinSecrets = StdinSecrets(token=TOKEN),
) -> Iterator[Server]:
    """A model server run by `python`, which finds `bms` at `path` and nowhere else; without it a forked one."""
    folder = Path(config.places.directory)
    (folder / "config.json").write_bytes(msgspec.json.encode(config))
    log = folder / "log"
    kernels = {name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")}  # choose the last bit
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(path), **kernels}
    arguments = [str(folder / "config.json")]
    given, giving = os.pipe()
    with open(given, "rb") as stdin, log.open("wb") as stderr:
        process: subprocess.Popen[bytes] | Forked
        if python:
            command = [str(python), "-m", fork_server.MODEL_SERVER, *arguments]
            process = subprocess.Popen(command, env=environment, stdin=stdin, stderr=stderr)
        else:
            streams = {"stdin": stdin.fileno(), "stdout": 1, "stderr": stderr.fileno()}
            process = fork_server.start(fork_server.MODEL_SERVER, arguments, env=environment, **streams)
    with open(giving, "wb") as handed:
        handed.write(msgspec.msgpack.encode(sealed))
    try:
        yield Server(process, config.socket, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_S)


class Client:
    """One connection, blocking, without any cleverness."""

    def __init__(self, path: str, token: bytes = TOKEN) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(path)
        self.send(frames.encode_plain(FrameType.HELLO, meta=token))
        self._reader = FrameReader()
        self._frames: deque[Frame] = deque()
        self._next = 0

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> Frame | None:
        """The next frame; None when the server closed the connection."""
        while not self._frames:
            try:
                data = self.socket.recv(1 << 20)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._frames.extend(self._reader.feed(data))
        return self._frames.popleft()

    def ask(
        self, inputs: dict[str, Array], *, signature: str = "", timeout_us: int = 0, **more: tuple[str, ...]
    ) -> int:
        """Sends an INFER; returns its id."""
        self._next += 1
        tensors = [Tensor(name, array) for name, array in inputs.items()]
        self.send(b"".join(frames.encode_infer(self._next, signature, tensors, timeout_us, more.get("outputs", ()))))
        return self._next

    def answer(self) -> tuple[int, dict[str, Array]]:
        """The id and outputs of the next answer. Raises the error that came instead."""
        frame = self.receive()
        assert frame is not None, "the server closed the connection"
        if frame.kind == FrameType.ERROR:
            error = frames.decode_error(frame)
            raise from_code(error.code, error.message, 1.0 if error.retry else None)
        assert frame.kind == FrameType.ANSWER
        _, tensors = frames.decode_answer(frame)
        return frame.id, {tensor.name: tensor.array for tensor in tensors}

    def infer(self, inputs: dict[str, Array], **options: object) -> dict[str, Array]:
        asked = self.ask(inputs, **options)  # type: ignore[arg-type]
        answered, outputs = self.answer()
        assert answered == asked
        return outputs

    def error(self, inputs: dict[str, Array], **options: object) -> BmsError:
        """The error that a request gets."""
        try:
            outputs = self.infer(inputs, **options)
        except BmsError as error:
            return error
        raise AssertionError(f"answered {list(outputs)} instead of an error")

    def status(self) -> ServableStatus:
        self.send(frames.encode_plain(FrameType.STATUS, 1 << 40))
        while (frame := self.receive()) is not None:
            if frame.kind == FrameType.STATUS_ANSWER:
                assert frame.id == 1 << 40
                return msgspec.msgpack.decode(frame.meta, type=ServableStatus)
            assert frame.kind == FrameType.GOING_AWAY
        raise ConnectionError("closed")

    def close(self) -> None:
        self.socket.close()


def turns(count: int) -> dict[str, Array]:
    """One row for the made "slow", which counts so far before it answers; a million takes a second or so."""
    return {"x": np.array([count], dtype=np.int64)}


def rows(count: int, seed: int = 0) -> dict[str, Array]:
    """Inputs of the made "mlp": FP32 [count, 64]."""
    return {"x": np.random.default_rng(seed).standard_normal((count, 64)).astype(np.float32)}
