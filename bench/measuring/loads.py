"""Who sends: wrk for closed loops where it is installed, else our own generator; always our own for open loops."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple, Self

from measuring.machine import LOAD_CORE, ROOT
from measuring.requests import Target

WRK = shutil.which("wrk")
_RESULT = re.compile(r"^RESULT (\{.*\})$", re.MULTILINE)
_SCRIPT = """
wrk.method = "POST"
wrk.body = "%s"
%s
done = function(summary, latency, requests)
  local e = summary.errors
  local form = '{"requests":%%d,"seconds":%%.6f,"errors":%%d,"p50_us":%%d,"p99_us":%%d,"max_us":%%d}'
  io.write(string.format('RESULT ' .. form .. '\\n',
    summary.requests - e.status, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
"""


class Load(NamedTuple):
    """What one run of load came to. `late` is the share of requests that an open loop began over 1 ms late."""

    requests: int
    errors: int
    seconds: float
    p50_us: float
    p99_us: float
    max_us: float
    late: float = 0.0

    @property
    def per_s(self) -> float:
        return self.requests / self.seconds


def generator() -> str:
    """The closed loop's name and version."""
    if WRK is None:
        return "bench/load.py (closed loop)"
    said = subprocess.run([WRK, "--version"], capture_output=True, text=True, check=False).stdout
    return " ".join(said.split()[:2]) or "wrk"


def closed_loop(target: Target, connections: int, seconds: float, warmup_s: float = 0.3) -> Load:
    """`connections` keep-alive connections, each with one request at a time, from the load's core."""
    if WRK is None:
        return _ours(target, connections, seconds, warmup_s, 0.0)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in target.headers.items())
        script.write(_SCRIPT % ("".join(f"\\{byte:03d}" for byte in target.body), headers))
        script.flush()
        url = f"http://127.0.0.1:{target.port}{target.path}"
        run = [WRK, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", script.name, "--latency", url]
        said = subprocess.run(
            ["taskset", "-c", str(LOAD_CORE), *run], capture_output=True, text=True, check=True, timeout=seconds + 30
        ).stdout
    found = _RESULT.search(said)
    if found is None:
        raise RuntimeError(f"wrk said what cannot be read: {said}")
    return Load(**json.loads(found[1]))


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
