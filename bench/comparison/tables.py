"""What the page shows: aims, a table per case, what is missing, BMS by process."""

from collections.abc import Callable, Mapping, Sequence

from measuring.cases import Case
from measuring.report import Report, Spread
from systems.catalogue import TITLES
from systems.measure import Measured

from comparison.aims import Found, ratio
from comparison.run import Lack

Seen = Mapping[tuple[str, str, int], Sequence[Measured]]
PARTS = ("gateway", "model server", "control", "supervisor")


def aims(report: Report, found: Sequence[Found]) -> None:
    rows = []
    for aim, against, measured in found:
        wanted = f"{'≤' if aim.latency else '≥'} {aim.factor:g} ×"
        verdict = {True: "met", False: "**missed**", None: "not measured"}[Found(aim, against, measured).met]
        shown: object = "–" if measured is None else f"{measured.text(2)} ×"
        rows.append((aim.what, aim.connections, wanted, shown, TITLES[against] if against else "–", verdict))
    report.section(
        "Aims",
        ("BMS's full path against", "c", "aim", "measured", "closest", ""),
        rows,
        "Requests per second or per CPU second of all processes, whichever is worse for BMS; for p50 the latency. The "
        "ratio is taken round by round. Who stands closest decides.",
    )


def case(report: Report, case: Case, seen: Seen, order: Sequence[str]) -> None:
    """All systems at each number of connections."""
    rows = []
    for connections in case.sizes():
        ours = seen.get((case.name, "bms", connections), ())
        for system in order:
            runs = seen.get((case.name, system, connections), ())
            if not runs:
                continue
            compared = "" if system == "bms" or not ours else f"{ratio(ours, runs).median:.2f}"
            rows.append(
                (
                    connections,
                    TITLES[system],
                    spread(runs, lambda run: run.load.per_s),
                    spread(runs, lambda run: run.per_cpu_s()),
                    compared,
                    spread(runs, lambda run: run.load.p50_us),
                    spread(runs, lambda run: run.load.p99_us),
                    f"{max(run.memory for run in runs) / 1e6:.0f}",
                )
            )
    if rows:
        columns = ("c", "system", "requests/s", "per CPU-s", "BMS is × as fast", "p50 µs", "p99 µs", "MB")
        report.section(f"{case.name}: {case.title}", columns, rows)


def lacks(report: Report, found: Sequence[Lack]) -> None:
    rows = [(TITLES[lack.system], lack.case or "all", lack.reason.replace("|", "/")) for lack in dict.fromkeys(found)]
    if rows:
        report.section("Not measured", ("system", "case", "why"), rows)


def processes(report: Report, cases: Sequence[Case], seen: Seen) -> None:
    """Where BMS's CPU time goes."""
    rows = []
    for each in cases:
        for connections in each.sizes():
            if runs := seen.get((each.name, "bms", connections), ()):
                rows.append((each.name, connections, *(_share(runs, part) for part in PARTS)))
    if rows:
        columns = ("case", "c", *PARTS)
        note = "Control books what the gateway has journalled; it runs beside the load here."
        report.section("BMS: CPU µs per request, by process", columns, rows, note, digits=1)


def spread(runs: Sequence[Measured], figure: Callable[[Measured], float]) -> Spread:
    return Spread.of([figure(run) for run in runs])


def _share(runs: Sequence[Measured], part: str) -> Spread:
    return Spread.of([run.cpu_s.get(part, 0.0) / run.load.requests * 1e6 for run in runs])
