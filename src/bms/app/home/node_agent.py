"""Remembers which node agent runs a home's models and jobs, in HOME/secrets/node-agent-endpoint.

Without it a start without the option would run everything a second time, here, beside what the agent still runs.
"""

from pathlib import Path

from bms.app.home.directory import write_private
from bms.app.settings import HERE

FILE = "secrets/node-agent-endpoint"


def chosen(home: Path, endpoint: str, secret: str) -> tuple[str, str]:
    """The agent's endpoint and the path of its secret: as given to this start, else as at the last one. Empty where
    this machine runs workloads: for `HERE`, and where there never was an agent."""
    if endpoint:
        return ("", "") if endpoint == HERE else (endpoint, secret)
    return remembered(home)


def remembered(home: Path) -> tuple[str, str]:
    try:
        endpoint, secret = (home / FILE).read_text().splitlines()
    except FileNotFoundError:
        return "", ""
    return endpoint, secret


def left(home: Path, endpoint: str) -> str:
    """The agent that ran this home's models and jobs at its last start, if it is not `endpoint`; empty for none."""
    before = remembered(home)[0]
    return "" if before == endpoint else before


def remember(home: Path, endpoint: str, secret: str) -> None:
    """Keeps the agent for the next start, unless that is given another."""
    if endpoint:
        if remembered(home) != (endpoint, secret):
            write_private(home / FILE, f"{endpoint}\n{secret}\n".encode())
    else:
        (home / FILE).unlink(missing_ok=True)
