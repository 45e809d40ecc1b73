"""Who sends: wrk for closed loops where it is installed, h2load for those of gRPC, our own generator for the rest."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

from measuring import h2load, wrk
from measuring.load import Load
from measuring.machine import LOAD_CORE, ROOT
from measuring.requests import Target


def generators() -> dict[str, str]:
    """What makes the closed loops, with versions."""
    return {
        "closed loop": wrk.version(wrk.WRK) if wrk.WRK else "bench/load.py",
        "closed loop, gRPC": wrk.version(h2load.H2LOAD) if h2load.H2LOAD else "none: h2load (nghttp2) is not installed",
    }


def closed_loop(target: Target, connections: int, seconds: float, answer_bytes: int = 0) -> Load:
    """`connections` keep-alive connections (gRPC: streams), each with one request at a time, from the load's core.

    `answer_bytes` is the length of a good answer; needed for gRPC.
    """
    if target.grpc:
        return h2load.run(target, connections, seconds, answer_bytes)
    if wrk.WRK is None:
        return _ours(target, connections, seconds, 0.0, 0.0)
    return wrk.run(target, connections, seconds)


def open_loop(target: Target, rate: float, seconds: float, connections: int = 32) -> Load:
    """Poisson arrivals at `rate` a second; latency from the moment a request was due."""
    return _ours(target, connections, seconds, 0.5, rate)


class Recording:
    """A load that runs while something else is done; every request is kept."""

    def __init__(self, target: Target, connections: int, rate: float, longest_s: float) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bms-load-")
        folder = Path(self._folder.name)
        self._stop, self._record = folder / "stop", folder / "record"
        order = _order(folder, target, connections, longest_s, 0.5, rate, str(self._record), str(self._stop))
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "bench" / "load.py"), str(order)], stdout=subprocess.PIPE, text=True
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def finish(self) -> tuple[Load, bytes]:
        """Ends it; the summary, and all requests as float64 fours: sent, answered, status, version."""
        self._stop.touch()
        said, _ = self._process.communicate(timeout=60)
        if self._process.returncode:
            raise RuntimeError(f"the load generator ended with status {self._process.returncode}")
        return Load(**json.loads(said)), self._record.read_bytes()


def _ours(target: Target, connections: int, seconds: float, warmup_s: float, rate: float) -> Load:
    with tempfile.TemporaryDirectory(prefix="bms-load-") as name:
        order = _order(Path(name), target, connections, seconds, warmup_s, rate, "", "")
        said = subprocess.run(
            [sys.executable, str(ROOT / "bench" / "load.py"), str(order)],
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + warmup_s + 60,
        ).stdout
    return Load(**json.loads(said))


def _order(
    folder: Path,
    target: Target,
    connections: int,
    seconds: float,
    warmup_s: float,
    rate: float,
    record: str,
    stop: str,
) -> Path:
    request, order = folder / "request", folder / "order.json"
    request.write_bytes(target.raw())
    order.write_text(
        json.dumps(
            {
                "port": target.port,
                "request": str(request),
                "core": LOAD_CORE,
                "connections": connections,
                "warmup_s": warmup_s,
                "seconds": seconds,
                "rate": rate,
                "record": record,
                "stop": stop,
            }
        )
    )
    return order
