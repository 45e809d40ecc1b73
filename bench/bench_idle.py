"""What the platform costs while nobody asks anything: processor time of each of its parts beside many idle replicas.

`REPLICAS=0,100` measures beside so many, and writes to build/bench; with `BASE=FOLDER`, another checkout's `src`, of
that one, too, in turns.
"""

import os
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

from measuring.machine import QUICK, prepare, ran, wait_quiet
from measuring.platform import Platform
from measuring.report import Report, Spread

from bms.sdk.deployments import DeploymentSpec, Target

EACH = 5  # replicas of one deployment
CHOSEN, BASE = os.environ.get("REPLICAS", ""), os.environ.get("BASE", "")
REPLICAS = tuple(map(int, CHOSEN.split(","))) if CHOSEN else (0, 5) if QUICK else (0, 10, 50, 100)
LOOKS, LOOK_S = (2, 5.0) if QUICK else (5, 20.0)
SETTLE_S = 5.0 if QUICK else 40.0  # longer than an old replica is kept: see `keep_previous_s`
PARTS = ("supervisor", "control", "gateway", "model server")
WAKING = ("control", "gateway")
Row = tuple[int | str | Spread, ...]


def main() -> int:
    prepare()
    report = Report(
        "idle",
        "What idling costs",
        "Processor time of each part in percent of one core while no request comes and nothing is changed. The model "
        "servers' is that of all together. One gateway.",
        trial=bool(CHOSEN or BASE),
    )
    shares: list[Row] = []
    wakes: list[Row] = []
    with ExitStack() as stack:
        platforms = {"": stack.enter_context(Platform())}
        if BASE:
            platforms["before, "] = stack.enter_context(Platform(source=Path(BASE)))
        for platform in platforms.values():
            platform.push()
        for replicas in REPLICAS:
            for platform in platforms.values():
                _deploy(platform, replicas)
            time.sleep(SETTLE_S)
            seen: dict[tuple[str, str, str], list[float]] = defaultdict(list)
            for _ in range(LOOKS):
                for name, platform in platforms.items():
                    wait_quiet()
                    for (part, what), figure in _figures(platform).items():
                        seen[name, part, what].append(figure)
            for name in platforms:
                found = {key[1:]: Spread.of(figures) for key, figures in seen.items() if key[0] == name}
                shares.append((f"{name}{replicas}", *(found.get((part, "share"), "–") for part in PARTS)))
                wakes.append(
                    (f"{name}{replicas}", *(found[part, what] for part in WAKING for what in ("wakes", "each")))
                )
    report.section("Percent of a core", ("idle replicas", *PARTS), shares, digits=2)
    titles = [f"{part}{what}" for part in WAKING for what in ("", ", µs each")]
    report.section("Threads woken a second, and CPU time for each", ("idle replicas", *titles), wakes, digits=1)
    report.write()
    return 0


def _deploy(platform: Platform, replicas: int) -> None:
    """So many replicas in all, in deployments of EACH."""
    with platform.client() as client:
        for first in range(0, replicas, EACH):
            name = f"digits-{first}"
            number = min(EACH, replicas - first)
            spec = DeploymentSpec(model="digits", targets=(Target(version=1),), replicas=number)
            client.deployments.put(name, spec)
            client.deployments.wait_ready(name)


def _figures(platform: Platform) -> dict[tuple[str, str], float]:
    """Of each part while it was looked at: percent of a core, wake-ups a second, microseconds of each."""
    pids = platform.pids()
    before, began = {part: ran(ids) for part, ids in pids.items()}, time.monotonic()
    time.sleep(LOOK_S)
    took = time.monotonic() - began
    found: dict[tuple[str, str], float] = {}
    for part, ids in pids.items():
        done = ran(ids).since(before[part])
        found[part, "share"] = 100 * done.cpu_s / took
        found[part, "wakes"] = done.wakes / took
        found[part, "each"] = 1e6 * done.cpu_s / max(1, done.wakes)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
