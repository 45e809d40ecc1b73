"""The page and the picture: tables over sizes, beside the aims."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from measuring import drawing
from measuring.report import Report

from scaling import changes, lookups
from scaling.world import LARGE, Size

START_S, MEMORY_MIB, CHANGE_S, LIST_MS, LOOKUP_US = 10.0, 512.0, 1.0, 100.0, 50.0  # the aims


class Seen(NamedTuple):
    """One size, measured."""

    size: Size
    start_s: dict[str, float]
    memory_mib: dict[str, float]
    idle: dict[str, float]  # of a core
    change_s: dict[str, list[float]]
    list_ms: dict[str, list[float]]
    costs: lookups.Costs | None
    predict_ms: list[float]
    disk_mb: dict[str, float]


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[max(0, round(len(values) * 0.99) - 1)]


def tables(report: Report, seen: Sequence[Seen]) -> None:
    """One column per size."""
    table = _Tables(report, seen)
    table.add("Registered", [each.size._asdict() for each in seen], 0)
    note = f"Aim: at most {START_S:.0f} s. First: gateways kept no snapshot; again: they did."
    table.add("Seconds from `bms up`", [each.start_s for each in seen], 2, note)
    note = f"Proportional set size per process after start; aim: at most {MEMORY_MIB:.0f} MiB."
    table.add("Memory, MiB", [each.memory_mib for each in seen], 0, note)
    table.add("Idle, percent of a core", [_times(each.idle, 100) for each in seen], 1)
    note = f"From the call to the first of {changes.RUN} good answers in a row on connections of their own."
    middle = [{kind: statistics.median(values) * 1e3 for kind, values in each.change_s.items()} for each in seen]
    table.add("A change reaches every gateway, median ms", middle, 0, note)
    worst = [{kind: max(values) * 1e3 for kind, values in each.change_s.items()} for each in seen]
    table.add("A change reaches every gateway, worst ms", worst, 0, f"Aim: at most {CHANGE_S * 1e3:.0f} ms.")
    note = f"Pages of 100, as {LARGE!r} (tenants: as the operator); aim: at most {LIST_MS:.0f} ms."
    table.add("Lists, p99 ms", [{name: _p99(all) for name, all in each.list_ms.items()} for each in seen], 1, note)
    note = f"{lookups.CALLS:,} random names; aim: at most {LOOKUP_US:.0f} µs. Every version has an address here."
    table.add("Inside a gateway", [_inside(each) for each in seen], 2, note)
    predict = [{"p50": statistics.median(each.predict_ms), "p99": _p99(each.predict_ms)} for each in seen]
    table.add("A prediction of the served model at one connection, ms", predict, 2)
    note = "A change: what it adds to a gateway's snapshot file, the mean of all changes above."
    table.add("Disk, MB", [each.disk_mb for each in seen], 4, note)


class _Tables:
    def __init__(self, report: Report, seen: Sequence[Seen]) -> None:
        self._report = report
        self._columns = ("", *(f"{each.size.models:,} models" for each in seen))

    def add(self, heading: str, columns: Sequence[Mapping[str, float]], digits: int, note: str = "") -> None:
        """A row per name."""
        names = dict.fromkeys(name for each in columns for name in each)
        rows = [(name, *(f"{each[name]:,.{digits}f}" if name in each else "–" for each in columns)) for name in names]
        self._report.section(heading, self._columns, rows, note)


def _times(values: Mapping[str, float], factor: float) -> dict[str, float]:
    return {name: value * factor for name, value in values.items()}


def _inside(seen: Seen) -> dict[str, float]:
    if seen.costs is None:
        return {}
    by_weight, by_number, one, everything = seen.costs
    return {
        "look-up by weight, µs": by_weight,
        "look-up by number, µs": by_number,
        "one change applied, ms": one,
        "everything applied, ms": everything,
    }


def plot(seen: Sequence[Seen]) -> dict[str, object]:
    def panel(title: str, aim: float | None, **lines: Sequence[float | None]) -> dict[str, object]:
        return {"title": title, "aim": aim, "lines": {name.replace("_", " "): values for name, values in lines.items()}}

    gateway = [max(value for name, value in each.memory_mib.items() if name.startswith("gateway")) for each in seen]
    change = [max((max(values) for values in each.change_s.values()), default=None) for each in seen]
    return {
        "models": [each.size.models for each in seen],
        "panels": [
            panel(
                "Start, seconds",
                START_S,
                first=[each.start_s["first: control answers"] for each in seen],
                gateways_again=[each.start_s["again: ready"] for each in seen],
                control_again=[each.start_s["again: control answers"] for each in seen],
            ),
            panel("Memory, MiB", MEMORY_MIB, gateway=gateway, control=[each.memory_mib["control"] for each in seen]),
            panel(
                "Idle, percent of a core",
                None,
                control=[each.idle["control"] * 100 for each in seen],
                gateways_together=[each.idle["gateway"] * 100 for each in seen],
            ),
            panel("Slowest change to reach every gateway, seconds", CHANGE_S, slowest=change),
            panel(
                "Lists, p99 of the slowest, ms",
                LIST_MS,
                slowest=[max(_p99(values) for values in each.list_ms.values()) for each in seen],
            ),
            panel(
                "Route look-up, µs",
                LOOKUP_US,
                by_weight=[each.costs.by_weight_us if each.costs else None for each in seen],
                by_number=[each.costs.by_number_us if each.costs else None for each in seen],
            ),
        ],
    }


def draw(report: Report) -> None:
    """Draws what `report` has written, beside it."""
    drawing.draw(report, Path(__file__).with_name("plot.py"))
