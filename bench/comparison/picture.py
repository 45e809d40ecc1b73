"""What the plot shows, and who draws it: plot.py in an environment with matplotlib."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring import drawing
from measuring.cases import Case
from measuring.report import Report
from systems.catalogue import FLOORS, TITLES
from systems.measure import Measured

from comparison.tables import spread

Seen = Mapping[tuple[str, str, int], Sequence[Measured]]
# Two panels in a line.
ORDER = ("row-json", "image-json", "row-binary", "image-binary", "row-grpc", "row-heads", "row-predict")


def panels(cases: Sequence[Case], seen: Seen, order: Sequence[str]) -> dict[str, object]:
    """A panel per case: 16 connections for images, 64 for rows."""
    made = []
    for case in sorted(cases, key=lambda case: ORDER.index(case.name)):
        connections = 16 if case.name.startswith("image") else 64
        unit = "streams" if case.grpc else "connections"
        bars = []
        for name in order:
            if runs := seen.get((case.name, name, connections), ()):
                value = spread(runs, lambda run: run.per_cpu_s()).median
                bars.append({"title": TITLES[name], "kind": _kind(name), "value": value})
        made.append({"title": f"{case.title}; {connections} {unit}", "bars": bars})
    title = "Requests per CPU second of all processes (log scale)"
    foot = "Medians. BMS with keys, limits, metering, metrics and an isolated model server; peers without."
    return {"title": title, "foot": foot, "panels": made}


def draw(report: Report) -> None:
    """Draws what `report` has written, beside it."""
    drawing.draw(report, Path(__file__).with_name("plot.py"))


def _kind(name: str) -> str:
    if name in FLOORS:
        return "floor"
    return name if name == "bms" else "triton" if "triton" in name else "peer"
