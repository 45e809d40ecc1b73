"""Pictures of what a report has written, drawn by matplotlib in an environment of its own."""

import os
import subprocess
import sys
from pathlib import Path

from systems import Missing
from systems.environment import environment

from measuring.report import Report


def draw(report: Report, script: Path) -> None:
    """Runs `script NAME.json NAME.png` on the report's files; says why where it can't."""
    try:
        python = environment("plot", ("matplotlib",))
    except Missing as error:
        print(f"no picture: {error}", file=sys.stderr)
        return
    files = [str(report.folder / f"{report.name}.{ending}") for ending in ("json", "png")]
    subprocess.run([str(python), str(script), *files], check=True, env={**os.environ, "PYTHONPATH": ""})
