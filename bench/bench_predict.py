"""Predictions per second on one core: the platform beside two floors and a peer, interleaved A B A B in one run."""

import os
import sys
from collections import defaultdict
from collections.abc import Sequence

from measuring.loads import Load, closed_loop, generator, open_loop
from measuring.machine import LOAD_CORE, QUICK, SERVER_CORE, Strangers, pin, prepare, wait_quiet
from measuring.report import Report, Spread
from systems import Missing, System
from systems.bms import Bms
from systems.fastapi import FastApi
from systems.floor_http import FloorHttp
from systems.floor_onnx import runs_per_s
from systems.measure import Measured, check, measure

REPEATS = 1 if QUICK else 3
SECONDS = 1
CONNECTIONS = (1, 16, 64)
RATES = (500, 2000)  # requests per second
Case = tuple[str, str, int]  # system, dialect, connections


def main() -> int:
    prepare()
    pin(os.getpid(), LOAD_CORE)
    strangers = Strangers()
    bms = Bms()
    running: list[System] = []
    report = Report(
        "predict",
        "Predictions on one core",
        "The digits model (64 → 64 → 10, ONNX), one row per request. Servers on core 0, load on core 1, every answer "
        "checked against ONNX Runtime before measuring. BMS checks a key, journals and books every request; the "
        "others do not.",
    )
    try:
        missing = _start([bms, FloorHttp(), FastApi()], running)
        facts = {name: text for system in running for name, text in system.facts().items()}
        report.facts(**facts, closed_loop=generator(), open_loop="bench/load.py (Poisson)", **missing)
        wait_quiet()
        _closed(report, running, strangers)
        _together(report, bms, strangers)
        _open(report, [system for system in running if not isinstance(system, FloorHttp)], strangers)
        _model_alone(report)
    finally:
        for system in running:
            system.stop()
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
        for dialect, target in system.targets().items():
            if not isinstance(system, FloorHttp):
                check(f"{system.name}, {dialect}", target)
    return missing


def _closed(report: Report, running: Sequence[System], strangers: Strangers) -> None:
    seen: dict[Case, list[Measured]] = defaultdict(list)
    for _ in range(REPEATS):
        for connections in CONNECTIONS:
            for system in running:
                for dialect, target in system.targets().items():
                    run = measure(system, lambda t=target, c=connections: closed_loop(t, c, SECONDS), strangers)  # type: ignore[misc]
                    seen[system.name, dialect, connections].append(run)
    rows = []
    for (name, dialect, connections), runs in sorted(seen.items(), key=lambda item: item[0][2]):
        front = ("gateway", "model server", "server")
        rows.append(
            (
                connections,
                name,
                dialect,
                Spread.of([run.load.per_s for run in runs]),
                Spread.of([run.per_cpu_s(*front) for run in runs]),
                Spread.of([run.per_cpu_s() for run in runs]),
                _us(runs, "p50_us"),
                _us(runs, "p99_us"),
            )
        )
    report.section(
        "Closed loop",
        ("c", "system", "dialect", "requests/s", "per front CPU-s", "per CPU-s", "p50 µs", "p99 µs"),
        rows,
        "`front` is what answers requests: gateway and model server, pinned to core 0. `per CPU-s` counts all "
        "processes of the system, for BMS control's bookkeeping too, which runs beside the load here.",
    )
    _shares(report, [runs for (name, _, _), runs in seen.items() if name == "BMS"], list(seen))


def _shares(report: Report, seen: Sequence[list[Measured]], cases: Sequence[Case]) -> None:
    rows = []
    for (_, dialect, connections), runs in zip([case for case in cases if case[0] == "BMS"], seen, strict=True):
        parts = ("gateway", "model server", "control", "supervisor")
        cost = [Spread.of([run.cpu_s.get(part, 0.0) / run.load.requests * 1e6 for run in runs]) for part in parts]
        rows.append((connections, dialect, *cost))
    columns = ("c", "dialect", "gateway", "model server", "control", "supervisor")
    report.section("BMS: CPU µs per request, by process", columns, rows, digits=1)


def _together(report: Report, bms: Bms, strangers: Strangers) -> None:
    """The whole platform on one core, control's bookkeeping included."""
    bms.place(SERVER_CORE)
    rows = []
    for connections in CONNECTIONS:
        target = bms.targets()["OIP JSON"]
        run = [measure(bms, lambda: closed_loop(target, connections, SECONDS), strangers) for _ in range(REPEATS)]  # noqa: B023
        rate = Spread.of([each.load.per_s for each in run])
        rows.append((connections, "OIP JSON", rate, _us(run, "p50_us"), _us(run, "p99_us")))
    report.section("Everything of BMS on one core", ("c", "dialect", "requests/s", "p50 µs", "p99 µs"), rows)
    bms.place(LOAD_CORE)


def _open(report: Report, systems: Sequence[System], strangers: Strangers) -> None:
    seen: dict[tuple[int, str], list[Load]] = defaultdict(list)
    for _ in range(REPEATS):
        for rate in RATES:
            for system in systems:
                target = system.targets()["OIP JSON"]
                run = measure(system, lambda t=target, r=rate: open_loop(t, r, SECONDS), strangers)  # type: ignore[misc]
                seen[rate, system.name].append(run.load)
    rows = [
        (
            rate,
            name,
            *(Spread.of([getattr(load, which) for load in loads]) for which in ("p50_us", "p99_us", "max_us")),
            f"{max(load.late for load in loads):.1%}",
        )
        for (rate, name), loads in sorted(seen.items())
    ]
    report.section(
        "Open loop (Poisson), OIP JSON",
        ("requests/s", "system", "p50 µs", "p99 µs", "max µs", "sent late"),
        rows,
        "Latency counts from the moment a request was due. `sent late`: the generator itself was over 1 ms late, "
        "which its figures then contain.",
    )


def _model_alone(report: Report) -> None:
    rows = []
    for batch in (1, 32):
        runs = Spread.of([runs_per_s(batch, SECONDS / 2) for _ in range(REPEATS)])
        rows.append((batch, runs, Spread(runs.least * batch, runs.median * batch, runs.most * batch, runs.repeats)))
    report.section("Model floor: ONNX Runtime in a loop, one thread", ("rows a run", "runs/s", "rows/s"), rows)


def _us(runs: Sequence[Measured], which: str) -> Spread:
    return Spread.of([getattr(run.load, which) for run in runs])


if __name__ == "__main__":
    sys.exit(main())
