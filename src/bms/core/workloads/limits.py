"""Hints on exceeded limits: how to ask for more."""

from math import ceil

OVER_MEMORY = "killed: used "  # how a cluster's verdict of too much memory begins
_GIB = 2**30


def more_memory(verdict: str, memory: int) -> str:
    """Returns the hint to add to `verdict` where that is about memory, of which there were `memory` bytes; else
    nothing."""
    if not verdict.startswith(OVER_MEMORY):
        return ""
    return f": `--memory {max(1, ceil(2 * memory / _GIB))}GiB` gives it more"
