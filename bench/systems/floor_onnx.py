"""The floor under any server of this model: ONNX Runtime in a loop, one thread, no server around it.

`python bench/systems/floor_onnx.py SECONDS ROWS` prints the runs per second of batches of ROWS rows.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np


def runs_per_s(rows: int, seconds: float) -> float:
    """Measured in a process of its own on the server's core."""
    from measuring.machine import SERVER_CORE
    from measuring.platform import quiet_environment

    said = subprocess.run(
        [sys.executable, str(Path(__file__)), str(seconds), str(rows)],
        env=quiet_environment(),
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
        capture_output=True,
        check=True,
    ).stdout
    return float(said)


def _measure(seconds: float, rows: int) -> float:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = Path(__file__).parents[2] / "tests" / "data" / "digits.onnx"
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    feeds = {"x": np.random.default_rng(0).random((rows, 64), dtype=np.float32)}
    names = ["label", "probabilities"]
    for _ in range(1000):
        session.run(names, feeds)
    runs, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        for _ in range(200):
            session.run(names, feeds)
        runs += 200
    return runs / took


if __name__ == "__main__":
    print(_measure(float(sys.argv[1]), int(sys.argv[2])))
