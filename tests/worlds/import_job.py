"""What the import task sees of a job, recording what the task says of itself."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class FakeJob:
    """What app/job/main.py hands to a task, recording what the task says."""

    output: Path
    parameters: dict[str, Any]
    inputs: dict[str, Path] = field(default_factory=dict)
    said: list[tuple[float, str]] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)

    def progress(self, fraction: float, message: str = "") -> None:
        self.said.append((fraction, message))

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        self.metrics[name] = value
