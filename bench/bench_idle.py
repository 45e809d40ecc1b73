"""What the platform costs while nobody asks anything: processor time of each of its parts beside many idle replicas."""

import time
from collections import defaultdict

from measuring.machine import QUICK, cpu_seconds, prepare, wait_quiet
from measuring.platform import Platform
from measuring.report import Report, Spread

from bms.sdk.deployments import DeploymentSpec, Target

EACH = 5  # replicas of one deployment
REPLICAS = (0, 5) if QUICK else (0, 10, 50, 100)
LOOKS, LOOK_S = (2, 5.0) if QUICK else (5, 20.0)
SETTLE_S = 5.0 if QUICK else 40.0  # longer than an old replica is kept: see `keep_previous_s`
PARTS = ("supervisor", "control", "gateway", "model server")


def main() -> int:
    prepare()
    report = Report(
        "idle",
        "What idling costs",
        "Processor time of each part in percent of one core while no request comes and nothing is changed. The model "
        "servers' is that of all together. One gateway.",
    )
    rows = []
    with Platform() as platform:
        platform.push()
        for replicas in REPLICAS:
            _deploy(platform, replicas)
            time.sleep(SETTLE_S)
            wait_quiet()
            seen = defaultdict(list)
            for _ in range(LOOKS):
                for part, share in _shares(platform).items():
                    seen[part].append(share)
            rows.append((replicas, *(Spread.of(seen[part]) if part in seen else "–" for part in PARTS)))
    report.section("Percent of a core", ("idle replicas", *PARTS), rows, digits=2)
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


def _shares(platform: Platform) -> dict[str, float]:
    """Percent of a core that each part used while it was looked at."""
    pids = platform.pids()
    before, began = {part: cpu_seconds(ids) for part, ids in pids.items()}, time.monotonic()
    time.sleep(LOOK_S)
    took = time.monotonic() - began
    return {part: 100 * (cpu_seconds(ids) - before[part]) / took for part, ids in pids.items()}


if __name__ == "__main__":
    raise SystemExit(main())
