"""BMS's whole path beside every peer and three floors, interleaved in one run: `make bench PEERS=fastapi,triton`.

PEERS and CASES choose parts by name, with commas between; what parts measured goes to build/bench, not to the results.
"""

import os
import sys
from collections.abc import Sequence

from comparison import aims, metering, picture, tables
from comparison.run import Lack, Ready, Seen, compare, start
from measuring.cases import CASES, Case, chosen
from measuring.loads import closed_loop, generators
from measuring.machine import LOAD_CORE, QUICK, SERVER_CORE, Strangers, pin, prepare, wait_quiet
from measuring.report import Report, Spread
from systems import catalogue
from systems.bms import Bms
from systems.floor_onnx import runs_per_s
from systems.measure import measure, warm

REPEATS = 1 if QUICK else 3
SECONDS = 1 if QUICK else 2


def main() -> int:
    prepare()
    pin(os.getpid(), LOAD_CORE)
    try:
        cases = chosen(os.environ.get("CASES", ""))
        systems = catalogue.chosen(os.environ.get("PEERS", ""))
    except ValueError as error:
        sys.exit(str(error))
    strangers = Strangers()
    ready: list[Ready] = []
    report = Report(
        "peers",
        "BMS beside its peers",
        "One server core, one core for the load, in one run: the same models, the same numbers (a row is FP32 [1, 64], "
        "an image FP32 [1, 3, 224, 224]), every answer checked against ONNX Runtime before measuring. BMS checks a "
        "key, applies limits, journals and books every request, "
        "keeps metrics, routes, and hops to an isolated model server; the others do not.",
        trial=len(systems) < len(catalogue.OURS) + len(catalogue.PEERS) or cases != CASES,
    )
    try:
        lacks = start(systems, cases, ready)
        facts = {catalogue.TITLES[system.name]: system.facts() for system, targets in ready if targets}
        report.facts(**facts, **generators())
        wait_quiet()
        seen = compare(ready, cases, REPEATS, strangers, lacks)
        together = _together(ready, cases, strangers)
    finally:
        for system, _ in ready:
            system.stop()
    _write(report, cases, seen, lacks, together)
    report.strangers(strangers.worst)
    report.write()
    picture.draw(report)
    return _failed(lacks, seen)


def _write(
    report: Report, cases: Sequence[Case], seen: Seen, lacks: Sequence[Lack], together: Sequence[Sequence[object]]
) -> None:
    order = [system.name for system in catalogue.chosen("")]
    tables.aims(report, aims.judge(seen))
    report.picture("peers.png", "requests per CPU second, by case and system")
    for case in cases:
        tables.case(report, case, seen, order)
    tables.lacks(report, lacks)
    tables.processes(report, cases, seen)
    if together:
        columns = ("case", "c", "requests/s", "p50 µs", "p99 µs")
        report.section("Everything of BMS on one core, control's bookkeeping included", columns, together)
    _metering(report, seen)
    _model_alone(report)
    report.data("plot", picture.panels(cases, seen, order))


def _together(ready: Sequence[Ready], cases: Sequence[Case], strangers: Strangers) -> list[Sequence[object]]:
    """One core for the whole platform; the first case only."""
    rows: list[Sequence[object]] = []
    case = cases[0]
    for system, targets in ready:
        if not isinstance(system, Bms) or case.name not in targets:
            continue
        target, length = targets[case.name]
        system.place(SERVER_CORE)
        for connections in case.sizes():
            warm(target)
            runs = [
                measure(system, lambda: closed_loop(target, connections, case.duration(), length))  # noqa: B023
                for _ in range(REPEATS)
            ]
            strangers.saw(max(run.taken for run in runs))
            figures = ("per_s", "p50_us", "p99_us")
            spreads = (Spread.of([getattr(run.load, figure) for run in runs]) for figure in figures)
            rows.append((case.name, connections, *spreads))
        system.place(LOAD_CORE)
    return rows


def _metering(report: Report, seen: Seen) -> None:
    gateway = {
        connections: tables.spread(runs, lambda run: run.cpu_s["gateway"] / run.load.requests * 1e6).median
        for (case, system, connections), runs in seen.items()
        if case == "row-json" and system == "bms"
    }
    rows = []
    for events in metering.BATCHES:
        cost = Spread.of([metering.us_per_event(events, SECONDS / 2) for _ in range(REPEATS)])
        shares = (f"{cost.median / us:.1%} at c={connections}" for connections, us in sorted(gateway.items()))
        rows.append((events, cost, "; ".join(shares) or "–"))
    columns = ("events a write", "CPU µs an event", "of the gateway's CPU per row-json request")
    note = (
        "Journal.write alone, on a real disk: encode, checksum, one write(2). How many events share a write is the "
        "number of answers of one turn of the gateway's loop: 1 at one connection, more the more connections. What "
        "control pays to book them is in the table by process."
    )
    report.section("Metering: the journal on the hot path", columns, rows, note, digits=2)


def _model_alone(report: Report) -> None:
    rows = []
    for batch in (1, 32):
        runs = Spread.of([runs_per_s(batch, SECONDS / 2) for _ in range(REPEATS)])
        rows.append((batch, runs, Spread(runs.least * batch, runs.median * batch, runs.most * batch, runs.repeats)))
    report.section("Model floor: ONNX Runtime in a loop, one thread", ("rows a run", "runs/s", "rows/s"), rows)


def _failed(lacks: Sequence[Lack], seen: Seen) -> int:
    """Status 1 where BMS itself failed a request or answered nothing."""
    ours = [lack for lack in lacks if lack.system == "bms" and lack.case not in ("row-grpc", "row-predict")]
    return 1 if ours or not any(system == "bms" for _, system, _ in seen) else 0


if __name__ == "__main__":
    sys.exit(main())
