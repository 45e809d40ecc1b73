"""How long environments take to build: nothing cached, packages cached, from a lock, already built."""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from measuring.machine import QUICK, prepare, wait_quiet
from measuring.report import Report, Spread

from bms.adapters.environments.uv import UvEnvironments
from bms.control.platform.environments import Environment
from bms.core.formats.requirement_lines import parse_lock
from bms.core.workloads.environments import EnvironmentSpec

REPEATS = 1 if QUICK else 3
ENOUGH_S = 90.0  # after that no further round is begun
KINDS = {
    "ONNX alone": ("onnxruntime>=1.20",),
    "scikit-learn": ("scikit-learn>=1.6,<2", "skops>=0.11,<1"),
    "LightGBM": ("lightgbm>=4,<5",),
    "XGBoost": ("xgboost-cpu>=2,<4",),
}
STATES = ("cold", "warm", "locked", "built")


def main() -> int:
    prepare()
    report = Report(
        "environments",
        "Environments",
        "Environments as the platform builds them: resolved to a lock with hashes, installed from it, packages copied "
        "and compiled to byte code, made durable; the slim part's packages are in each. Cold: uv's cache is empty, so "
        "the index and the network count. Warm: cached packages, a new environment. Locked: the same from a lock file, "
        "so that nothing is resolved. Built: asked for again.",
    )
    report.strangers(wait_quiet())
    began = time.monotonic()
    seconds: dict[str, dict[str, list[float]]] = {kind: {state: [] for state in STATES} for kind in KINDS}
    made: dict[str, Environment] = {}
    for _ in range(REPEATS):
        for kind, requirements in KINDS.items():
            if made.keys() == KINDS.keys() and time.monotonic() - began > ENOUGH_S:
                continue
            made[kind] = _round(requirements, seconds[kind])
    rows = [
        (
            kind,
            *(Spread.of(seconds[kind][state]) for state in STATES),
            made[kind].packages,
            f"{made[kind].size / 1e6:.0f}",
        )
        for kind in KINDS
    ]
    report.facts(requirements="; ".join(f"{kind}: {', '.join(wanted)}" for kind, wanted in KINDS.items()))
    report.section("Seconds to an environment", ("environment", *STATES, "packages", "MB"), rows, digits=3)
    report.strangers(wait_quiet())
    report.write()
    return 0


def _round(requirements: tuple[str, ...], seconds: dict[str, list[float]]) -> Environment:
    """Adds a time per state; what was built."""
    spec = EnvironmentSpec(requirements=requirements)
    with tempfile.TemporaryDirectory(prefix="bms-environments-") as name:
        homes = {state: _environments(Path(name), state) for state in ("cold", "warm", "locked")}
        environment = _timed(homes["cold"], spec, seconds["cold"])
        _timed(homes["warm"], spec, seconds["warm"])
        _timed(homes["warm"], spec, seconds["built"])
        lines = parse_lock(asyncio.run(homes["cold"].lock(environment.digest)))
        _timed(homes["locked"], EnvironmentSpec(lock=lines), seconds["locked"])
    return environment


def _environments(folder: Path, state: str) -> UvEnvironments:
    return UvEnvironments(folder / state, {**os.environ, "UV_CACHE_DIR": str(folder / "cache")})


def _timed(environments: UvEnvironments, spec: EnvironmentSpec, seconds: list[float]) -> Environment:
    began = time.perf_counter()
    environment = asyncio.run(environments.ensure(spec))
    seconds.append(time.perf_counter() - began)
    return environment


if __name__ == "__main__":
    sys.exit(main())
