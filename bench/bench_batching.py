"""What the model server costs by itself: time and CPU per micro-batch, by micro-batches in flight, calls per
micro-batch and policy.

One process of `bms.app.model_server` on one core, asked over its socket by this program on another, which keeps a
number of micro-batches in flight and sends what a read allows in one write, as gateways do.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from measuring.machine import LOAD_CORE, QUICK, ROOT, SERVER_CORE, Strangers, busy_seconds, pin, prepare, wait_quiet
from measuring.models import ROW, tensor
from measuring.report import Report, Spread

from bms.core.tensors.tensor import Tensor
from bms.core.workloads.programs import ServableStatus, StdinSecrets
from bms.protocols.frames import HEADER, FrameReader, FrameType, encode_infer, encode_infer_calls, encode_plain

IN_FLIGHT = (1, 16, 64)
POLICIES: tuple[tuple[str, dict[str, object]], ...] = (
    ("off", {"policy": "off"}),
    ("static", {}),
    ("adaptive, 20 ms", {"policy": "adaptive", "objective_s": 0.02}),
)
CALLS = (1, 4, 16)  # in a micro-batch, each of one row
REPEATS = 3 if QUICK else 7
TOKEN = b"the server's own"
SECONDS = 0.2 if QUICK else 1.0


def main() -> int:
    prepare()
    report = Report(
        "batching",
        "The model server by itself",
        "Wall time and CPU time per micro-batch, and rows per run, for calls of one row of the digits model.",
    )
    wait_quiet()
    strangers = Strangers()
    os.sched_setaffinity(0, {LOAD_CORE})
    for title, batching in POLICIES:
        rows = []
        with served(batching) as asker:
            for calls in CALLS if title != "off" else (1,):
                rows += [(calls, count, *asker.measure(count, calls, strangers)) for count in IN_FLIGHT]
        columns = (
            "calls in a micro-batch",
            "micro-batches in flight",
            "µs per micro-batch",
            "CPU µs per micro-batch",
            "rows per run",
        )
        report.section(f"Batching {title}", columns, rows, digits=1)
    report.strangers(strangers.worst)
    report.write()
    return 0


class Asker:
    """A connection to a model server, whose CPU time it reads."""

    def __init__(self, path: str, pid: int) -> None:
        self._pid = pid
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._socket.sendall(encode_plain(FrameType.HELLO, meta=TOKEN))
        self._id = 0

    def status(self) -> ServableStatus:
        self._socket.sendall(encode_plain(FrameType.STATUS, 1))
        reader = FrameReader()
        while True:
            for frame in reader.feed(self._socket.recv(1 << 20)):
                return msgspec.msgpack.decode(frame.meta, type=ServableStatus)

    def measure(self, count: int, calls: int, strangers: Strangers) -> tuple[Spread, Spread, str]:
        """With `count` micro-batches in flight: µs per micro-batch, CPU µs per micro-batch, rows per run."""
        row = [Tensor("x", tensor(ROW))]
        timeout_us = 30_000_000
        whole = encode_infer_calls(0, "", [row] * calls, (1,) * calls, timeout_us) if calls > 1 else None
        frame = b"".join(whole or encode_infer(0, "", row, timeout_us))
        self._run(frame, count, SECONDS)
        wall, cpu = [], []
        before = self.status()
        for _ in range(REPEATS):
            busy, ours = busy_seconds(), self._cpu() + time.process_time()
            began, used = time.perf_counter(), self._cpu()
            done = self._run(frame, count, SECONDS)
            took = time.perf_counter() - began
            wall.append(took / done * 1e6)
            cpu.append((self._cpu() - used) / done * 1e6)
            strangers.note(took, busy_seconds() - busy, self._cpu() + time.process_time() - ours)
        after = self.status()
        rows = (after.rows - before.rows) / (after.batches - before.batches)
        return Spread.of(wall), Spread.of(cpu), f"{rows:.1f}"

    def _run(self, frame: bytes, count: int, seconds: float) -> int:
        """Keeps `count` micro-batches in flight; how many were answered, all of them well."""
        before, after = frame[:16], frame[HEADER.size :]
        end = time.perf_counter() + seconds
        out = [self._numbered(before, after) for _ in range(count)]
        left, done, data = count, 0, b""
        while left:
            if out:
                self._socket.sendall(b"".join(out))
                out.clear()
            data += self._socket.recv(1 << 20)
            going_on, at = time.perf_counter() < end, 0
            while len(data) - at >= HEADER.size:
                body, _, kind, _ = HEADER.unpack_from(data, at)
                if len(data) - at - HEADER.size < body:
                    break
                if kind != FrameType.ANSWER:
                    raise RuntimeError(f"frame of kind {kind} instead of an answer")
                at += HEADER.size + body
                done += 1
                if going_on:
                    out.append(self._numbered(before, after))
                else:
                    left -= 1
            data = data[at:]
        return done

    def _numbered(self, before: bytes, after: bytes) -> bytes:
        self._id += 1
        return before + self._id.to_bytes(8, "little") + after

    def _cpu(self) -> float:
        """Seconds that the server's threads have run, to a nanosecond (schedstat; /proc/PID/stat counts in ticks)."""
        tasks = Path(f"/proc/{self._pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def served(batching: dict[str, object]) -> Iterator[Asker]:
    """A model server that answers."""
    with tempfile.TemporaryDirectory(prefix="bms-batching-") as name:
        folder = Path(name)
        (folder / "model").mkdir()
        (folder / "model" / "model.onnx").write_bytes(ROW.path.read_bytes())
        servable = {"runtime": "onnx", "model": ROW.name, "version": 1}
        config = {"replica": "r", "servable": servable, "batching": batching}
        trees = {"artifact": str(folder / "model")}
        places = {"directory": str(folder), "socket": str(folder / "s"), "trees": trees}
        (folder / "config.json").write_text(json.dumps({"config": config, "places": places}))
        command = [sys.executable, "-m", "bms.app.model_server", str(folder / "config.json")]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")}
        process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdin is not None
        with process.stdin as stdin:
            stdin.write(msgspec.msgpack.encode(StdinSecrets(token=TOKEN)))
        try:
            while not (folder / "s").exists():
                if process.poll() is not None:
                    raise RuntimeError(f"the model server ended with {process.returncode}")
                time.sleep(0.02)
            pin(process.pid, SERVER_CORE)
            asker = Asker(str(folder / "s"), process.pid)
            while (state := asker.status().state) != "AVAILABLE":
                if state == "END":
                    raise RuntimeError("the model can't be loaded")
                time.sleep(0.02)
            pin(process.pid, SERVER_CORE)
            yield asker
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
