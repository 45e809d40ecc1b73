"""Environments with frameworks, and what scripts make in them: built once per machine and shared by all tests.

They live below BMS_TEST_CACHE, or ~/.cache/bms-tests, and are told apart by the digest of what they are made of.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

SKLEARN = (
    *("scikit-learn", "skops", "skl2onnx", "onnx", "onnxruntime"),
    *("msgspec", "google-crc32c", "pillow", "pytest"),
)
# What people have who train on tables, and who ask with them. Few environments for many tests: the first import of a
# library takes longer in each than what most tests ask of it.
TABLES = (*SKLEARN, "pandas", "xgboost-cpu", "lightgbm")
FRAMES = ("pandas>=3", "pyarrow", "polars", "httpx", "msgspec", "numpy", "google-crc32c", "pillow", "pytest")
SLIM = ("numpy", "msgspec", "onnxruntime")
SOURCE = Path(__file__).resolve().parent.parent / "src"
# As in the platform's environments: unpinned torch, drawn in by others, would bring gigabytes of CUDA.
CONSTRAINTS = ("torch==2.13.0",)
_BUILD_S = 900


def framework_python(requirements: tuple[str, ...]) -> Path:
    """The interpreter of an environment that holds just `requirements`."""

    def build(folder: Path) -> None:
        uv = str(Path(sys.executable).parent / "uv")
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
        python = str(folder / "bin" / "python")
        held = folder / "constraints.txt"
        held.write_text("\n".join(CONSTRAINTS) + "\n")
        options = ["--link-mode", "hardlink", "--python", python, "--constraints", str(held)]
        _run([uv, "pip", "install", "--quiet", *options, *requirements])

    name = f"env-{_digest(sys.version, *sorted(requirements))}"
    return _once(name, build) / "bin" / "python"


def made_by(script: Path, requirements: tuple[str, ...]) -> Path:
    """The folder that `script`, run with the folder as its one argument, has filled. Treat it as read-only."""

    def build(folder: Path) -> None:
        folder.mkdir()
        _run([str(framework_python(requirements)), str(script), str(folder)])

    return _once(f"made-{_digest(sys.version, script.read_text(), *sorted(requirements))}", build)


def told_by(requirements: tuple[str, ...], script: Path, *arguments: str, patience_s: float = 600) -> list[Any]:
    """The objects that `script` prints, a line of JSON each, run in one thread where `requirements` are. It finds our
    source, and modules beside it; what else it prints is left out."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    ended = subprocess.run(
        [str(framework_python(requirements)), str(script), *arguments],
        env={**os.environ, "PYTHONPATH": f"{SOURCE}:{SOURCE.parent}", **threads},
        capture_output=True,
        text=True,
        timeout=patience_s,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]


def folder_of(kind: str, names: tuple[str, ...], build: Callable[[Path], None]) -> Path:
    """A folder of a `kind` that holds `names`, which `build` has filled. Treat it as read-only."""
    return _once(f"{kind}-{_digest(*sorted(names))}", build)


def cache_folder() -> Path:
    cache = Path(os.environ.get("BMS_TEST_CACHE") or Path.home() / ".cache" / "bms-tests")
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def _once(name: str, build: Callable[[Path], None]) -> Path:
    cache = cache_folder()
    folder, done = cache / name, cache / f"{name}.done"
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # parallel workers wait for the one that builds
        if not (done.exists() and folder.is_dir()):
            done.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            build(folder)
            done.touch()
    return folder


def _run(command: list[str]) -> None:
    # One thread: where several tests build at once, BLAS threads that wait for one another take ten times as long.
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment = {**os.environ, **alone, "ORT_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
    if "PIP_FIND_LINKS" in os.environ:  # uv does not read pip's settings
        environment.setdefault("UV_FIND_LINKS", os.environ["PIP_FIND_LINKS"])
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_BUILD_S)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


if __name__ == "__main__":  # before many tests run at once and wait for it: python -m tests.framework_env
    from tests.contract.runtimes.frameworks import FRAMEWORKS

    print(framework_python(SLIM))
    for framework in FRAMEWORKS:
        if not framework.heavy:
            print(framework.name, framework_python(framework.environment), framework.artifacts())
