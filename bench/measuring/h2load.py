"""h2load (nghttp2), the closed loop for gRPC: one HTTP/2 connection with as many streams at a time as asked for.

h2load knows HTTP/2 but not gRPC, whose errors come with status 200: so every answer must be as long as the one that was
checked before (`answer_bytes`).
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from measuring.load import Load
from measuring.machine import LOAD_CORE
from measuring.requests import Target

H2LOAD = shutil.which("h2load")
_FINISHED = re.compile(r"finished in ([\d.]+)(us|ms|s|m),")
_REQUESTS = re.compile(r"requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored")
_DATA = re.compile(r"\((\d+)\) data")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


def run(target: Target, streams: int, seconds: float, answer_bytes: int) -> Load:
    """Raises RuntimeError where h2load says what cannot be read."""
    with tempfile.TemporaryDirectory(prefix="bms-h2load-") as name:
        body, log = Path(name) / "body", Path(name) / "log"
        body.write_bytes(target.body)
        headers = [part for key, value in target.headers.items() for part in ("-H", f"{key}: {value}")]
        command = [str(H2LOAD), "-t1", "-c1", f"-m{streams}", f"-D{max(1, round(seconds))}", "-d", str(body), *headers]
        said = subprocess.run(
            [
                "taskset",
                "-c",
                str(LOAD_CORE),
                *command,
                "--log-file",
                str(log),
                f"http://127.0.0.1:{target.port}{target.path}",
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + 60,
        ).stdout
        latencies = [int(line.split("\t")[2]) for line in log.read_text().splitlines() if line]
    finished, counts, data = _FINISHED.search(said), _REQUESTS.search(said), _DATA.search(said)
    if finished is None or counts is None or data is None or not latencies:
        raise RuntimeError(f"h2load said what cannot be read: {said}")
    done, succeeded = int(counts[1]), int(counts[2])
    whole = int(data[1]) // answer_bytes  # answers that were no errors
    good = min(succeeded, whole)
    p50, p99, most = np.percentile(latencies, [50, 99, 100])
    took = float(finished[1]) * _SECONDS[finished[2]]
    return Load(good, done - good, took, float(p50), float(p99), float(most))
