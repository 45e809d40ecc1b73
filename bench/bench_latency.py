"""Latency at fixed rates (open loop, Poisson arrivals): BMS beside FastAPI by hand, in turns within one run."""

import os
import sys
from collections import defaultdict
from collections.abc import Sequence

from measuring.load import Load
from measuring.loads import open_loop
from measuring.machine import LOAD_CORE, QUICK, Strangers, pin, prepare, wait_quiet
from measuring.report import Report, Spread
from systems import Missing, System
from systems.bms import Bms
from systems.catalogue import TITLES
from systems.fastapi import FastApi, FastApiRaw
from systems.measure import check, measure, warm

REPEATS = 1 if QUICK else 3
SECONDS = 1 if QUICK else 4
RATES = (500, 2000)  # requests per second
CASE = "row-json"


def main() -> int:
    prepare()
    pin(os.getpid(), LOAD_CORE)
    strangers = Strangers()
    running: list[System] = []
    report = Report(
        "latency",
        "Latency at a fixed rate",
        "One row of 64 numbers as JSON. Servers on core 0, load on core 1, every answer checked against ONNX Runtime "
        "before measuring. BMS checks a key, journals and books every request; the others do not.",
    )
    try:
        missing = _start((Bms(), FastApi(), FastApiRaw()), running)
        facts = {TITLES[system.name]: system.facts() for system in running}
        report.facts(**facts, **{TITLES[name]: reason for name, reason in missing.items()})
        wait_quiet()
        seen = _measure(running, strangers)
    finally:
        for system in running:
            system.stop()
    rows = [
        (
            rate,
            TITLES[name],
            *(Spread.of([getattr(load, which) for load in loads]) for which in ("p50_us", "p99_us", "max_us")),
            f"{max(load.late for load in loads):.1%}",
        )
        for (rate, name), loads in sorted(seen.items())
    ]
    report.section(
        "Open loop (Poisson)",
        ("requests/s", "system", "p50 µs", "p99 µs", "max µs", "sent late"),
        rows,
        "Latency counts from the moment a request was due. `sent late`: the generator (bench/load.py) itself was over "
        "1 ms late, which its figures then contain.",
    )
    report.strangers(strangers.worst)
    report.write()
    return 0


def _start(systems: Sequence[System], running: list[System]) -> dict[str, str]:
    """Starts them in turn; those that can't be had, with the reason."""
    missing = {}
    for system in systems:
        try:
            system.start()
        except Missing as error:
            missing[system.name] = str(error)
            continue
        running.append(system)
        check(system, system.targets()[CASE])
    return missing


def _measure(running: Sequence[System], strangers: Strangers) -> dict[tuple[int, str], list[Load]]:
    seen: dict[tuple[int, str], list[Load]] = defaultdict(list)
    for _ in range(REPEATS):
        for rate in RATES:
            for system in running:
                target = system.targets()[CASE]
                warm(target)
                found = measure(system, lambda t=target, r=rate: open_loop(t, r, SECONDS))  # type: ignore[misc]
                strangers.saw(found.taken)
                seen[rate, system.name].append(found.load)
    return seen


if __name__ == "__main__":
    sys.exit(main())
