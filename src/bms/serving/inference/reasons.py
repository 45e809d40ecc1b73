"""Texts of errors that a model or its library raised, made fit for the caller.

On one line, with what counts first, without control characters and the platform's paths, and bounded.
"""

import re
import sys

MOST = 2000  # characters
_READ = 1 << 15  # characters at either end of a text; libraries print whole descriptions into their errors
_CAUSES = 3
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")  # of terminals
_TRACE = re.compile(r"\(most recent call last\):?$|^The following operation failed in the TorchScript interpreter\.$")
_CODE_BELOW = re.compile(r"\n(Stack trace:|Exception raised from |C\+\+ Traceback ).*", re.DOTALL)
_RAISED = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception|Exit|Interrupt)\b")
# Nodes of graphs are called /encoder/layer.0/MatMul: what begins as paths of Linux do is taken for one.
_ROOTS = "bin|boot|data|dev|etc|home|lib|lib64|media|mnt|nix|opt|private|proc|root|run|srv|sys|tmp|usr|var|work"
_PATH = re.compile(rf"(?<![\w.:/*-])/(?:{_ROOTS})/(?:[^\s/'\"<>|:,;()\[\]]+/)*")


def reason(error: BaseException, words: str | None = None, *, directory: str = "") -> str:
    """Returns the error's class and message, then those of its causes. `words` are its text where a library's own
    decoration has been taken out of it; `directory` is the artifact's, whose paths become those within it."""
    told: list[str] = []
    one: BaseException | None = error
    while one is not None and len(told) < _CAUSES:
        text = _reason_first(text_of(one) if words is None or one is not error else words)
        name = type(one).__name__
        told.append(text if text.startswith(name) else f"{name}: {text}" if text else name)
        one = one.__cause__
    kept = [text for at, text in enumerate(told) if not any(text in other for other in told[:at])]
    return plain("; caused by ".join(kept), directory=directory)


def plain(words: str, *, directory: str = "") -> str:
    """Returns a library's message on one line, without control characters, bounded."""
    kept = _ESCAPES.sub("", words)
    for place in (directory, sys.prefix, sys.base_prefix):
        if len(place) > 1:
            kept = kept.replace(place.rstrip("/") + "/", "")
    kept = " ".join(_PATH.sub("", kept).split())
    kept = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in kept)
    return kept if len(kept) <= MOST else kept[: MOST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def text_of(error: BaseException) -> str:
    """Returns the error's message; one that can't be made text, since its class is of somebody's own, is no error of
    its own."""
    try:
        return str(error)
    except Exception as failed:  # noqa: BLE001 - it may be anything
        return f"its text can't be made: {type(failed).__name__}"


def _reason_first(text: str) -> str:
    """Reorders a message that holds a traceback: the error at its end first, then the rest."""
    if len(text) > 2 * _READ:  # of which half lines are left out
        first, last = text[:_READ], text[-_READ:]
        text = "\n".join((first.rpartition("\n")[0] or first, last.partition("\n")[2] or last))
    text = _CODE_BELOW.sub("", text)
    lines = text.splitlines()
    if not any(_TRACE.search(line.strip()) for line in lines):
        return text.strip()
    # What is indented are the places of the trace, with their source.
    said_beside = (line.rstrip() for line in lines if line[:1].strip())
    kept = [line for line in said_beside if not _TRACE.search(line)]
    begin = max((at for at, line in enumerate(kept) if _RAISED.match(line)), default=len(kept) - 1)
    return " ".join([*kept[begin:], *kept[: max(0, begin)]])
