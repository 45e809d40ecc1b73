"""Output of the demo: chapters, progress bars, tables."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

Bar = Callable[[float, str], None]  # fraction 0 to 1, what is happening


class Teller:
    """Prints the demo's output to one console; plain lines where it is no terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._chapter = 0

    def chapter(self, title: str) -> None:
        self._chapter += 1
        self.console.print(f"\n[bold cyan]{self._chapter}. {title}[/]")

    def say(self, words: str) -> None:
        self.console.print(f"   {words}")

    def paste(self, command: str) -> None:
        """Prints a line for people to copy: never wrapped, never styled."""
        self.console.print(command, soft_wrap=True, markup=False, highlight=False)

    @contextmanager
    def progress(self, what: str) -> Iterator[Bar]:
        columns = (
            TextColumn("  "),
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, transient=False) as bars:
            task = bars.add_task(what, total=1.0)

            def move(fraction: float, words: str) -> None:
                bars.update(task, completed=fraction, description=f"{what}: {words}" if words else what)

            yield move
            bars.update(task, completed=1.0)

    def table(self, title: str, rows: Mapping[str, object]) -> None:
        table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 3))
        for name, value in rows.items():
            table.add_row(f"[dim]{name}[/]", str(value))
        self.console.print(table)

    def bars(self, title: str, counts: dict[str, int], width: int = 30) -> None:
        """Prints a small bar chart of counts."""
        most = max(counts.values(), default=1)
        table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 1, 0, 3))
        for name, count in counts.items():
            table.add_row(f"[dim]{name}[/]", "█" * round(width * count / most), str(count))
        self.console.print(table)
