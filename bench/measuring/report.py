"""What is written down: one Markdown page and one JSON file per program, with the machine, the date and the noise."""

import json
import statistics
import sys
from collections.abc import Sequence
from typing import NamedTuple

from measuring.machine import QUICK, ROOT, describe

NOISY = 0.10  # of a core used by strangers: figures of such a run are not to be quoted


class Spread(NamedTuple):
    """Repeated measurements of one thing."""

    least: float
    median: float
    most: float
    repeats: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(min(values), statistics.median(values), max(values), len(values))

    def text(self, digits: int = 0) -> str:
        """Median (least–most), where there is more than one."""
        if self.repeats == 1:
            return f"{self.median:,.{digits}f}"
        middle, low, high = (f"{value:,.{digits}f}" for value in (self.median, self.least, self.most))
        return f"{middle} ({low}–{high})"


class Report:
    """Gathers sections, then `write` puts them into bench/results/NAME.md and .json.

    A `trial` is no result: it goes to build/bench, like everything of the quick form.
    """

    def __init__(self, name: str, title: str, what: str, *, trial: bool = False) -> None:
        self.name = name
        self.folder = ROOT / ("build/bench" if QUICK or trial else "bench/results")
        self._lines = [f"# {title}", "", what, ""]
        self._data: dict[str, object] = {"machine": describe(), "quick": QUICK}
        self._strangers = 0.0

    def facts(self, **facts: str) -> None:
        """Versions, tools and settings that the figures hold for."""
        self._data["facts"] = facts
        self._lines += [*(f"- {name.replace('_', ' ')}: {value}" for name, value in facts.items()), ""]

    def section(
        self, heading: str, columns: Sequence[str], rows: Sequence[Sequence[object]], note: str = "", *, digits: int = 0
    ) -> None:
        """A table. Cells may be Spreads; JSON keeps their numbers."""
        shown = [[cell.text(digits) if isinstance(cell, Spread) else str(cell) for cell in row] for row in rows]
        self._lines += [f"## {heading}", "", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
        self._lines += [f"| {' | '.join(row)} |" for row in shown]
        self._lines += ["", *([note, ""] if note else [])]
        self._data[heading] = [dict(zip(columns, map(_plain, row), strict=True)) for row in rows]
        print(f"\n{heading}\n" + "\n".join("  " + "  ".join(row) for row in [list(columns), *shown]), flush=True)

    def data(self, name: str, value: object) -> None:
        """Something for the JSON file alone."""
        self._data[name] = value

    def picture(self, file: str, what: str) -> None:
        """An image beside the page."""
        self._lines += [f"![{what}]({file})", ""]

    def strangers(self, cores: float) -> None:
        """How many cores other processes used at worst while figures were taken."""
        self._strangers = max(self._strangers, cores)

    def write(self) -> None:
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        self._data["strangers"] = round(self._strangers, 3)
        machine = describe()
        noise = f"Other processes used at most {self._strangers:.2f} of a core while figures were taken"
        noise += ": **too noisy to quote**." if self._strangers > NOISY else "."
        foot = "Cells with brackets are median (least–most) of the repeats. " if "–" in "".join(self._lines) else ""
        place = f"{machine['processor']}, {machine['cores']} cores, {machine['memory']}, {machine['system']}"
        self._lines += ["---", f"{place}, Python {machine['python']}, {machine['date']}. {foot}{noise}", ""]
        (folder / f"{self.name}.md").write_text("\n".join(self._lines))
        (folder / f"{self.name}.json").write_text(json.dumps(self._data, indent=1, ensure_ascii=False) + "\n")
        print(f"\nwritten to {(folder / self.name).relative_to(ROOT)}.md and .json", file=sys.stderr)


def _plain(cell: object) -> object:
    return cell._asdict() if isinstance(cell, Spread) else cell
