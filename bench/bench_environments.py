"""How long the training recipe's environment takes to build: nothing cached, packages cached, already built."""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from measuring.machine import QUICK, ROOT, prepare, wait_quiet
from measuring.report import Report, Spread

from bms.adapters.environments.uv import UvEnvironments
from bms.control.platform.environments import Environment, EnvironmentSpec

REPEATS = 1 if QUICK else 3
RECIPE = ROOT / "src" / "bms" / "adapters" / "recipes" / "image_mlp" / "recipe.json"


class _Recipe(msgspec.Struct):
    environment: EnvironmentSpec


def main() -> int:
    prepare()
    spec = msgspec.json.decode(RECIPE.read_bytes(), type=_Recipe).environment
    report = Report(
        "environments",
        "Environments",
        "The environment of the recipe `image-mlp` (scikit-learn, skops, Pillow, and the slim part's packages), built "
        "as the platform builds it. Cold: uv's cache is empty, so the network or index counts. Warm: cached packages, "
        "a new environment, copies not links. Built: asked for again.",
    )
    report.strangers(wait_quiet())
    cold, warm, built = [], [], []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory(prefix="bms-environments-") as name:
            cache = Path(name) / "cache"
            first, environment = _ensure(Path(name) / "one", spec, cache)
            cold.append(first)
            warm.append(_ensure(Path(name) / "two", spec, cache)[0])
            built.append(_ensure(Path(name) / "two", spec, cache)[0])
    rows = [("cold", Spread.of(cold)), ("warm", Spread.of(warm)), ("built", Spread.of(built))]
    report.facts(requirements=", ".join(spec.requirements), size=f"{environment.size / 1e6:.0f} MB")
    report.section("Seconds to an environment", ("state", "seconds"), rows, digits=3)
    report.write()
    return 0


def _ensure(home: Path, spec: EnvironmentSpec, cache: Path) -> tuple[float, Environment]:
    """Seconds, and what was built."""
    environments = UvEnvironments(home, {**os.environ, "UV_CACHE_DIR": str(cache)})
    began = time.perf_counter()
    environment = asyncio.run(environments.ensure(spec))
    return time.perf_counter() - began, environment


if __name__ == "__main__":
    sys.exit(main())
