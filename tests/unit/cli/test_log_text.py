"""A terminal is told what a log holds, and does none of it."""

import io
import sys
from datetime import UTC, datetime

import pytest

from bms.cli.commands.logs import Lines, _as_text
from bms.cli.output.log_text import Shown, log_writer
from bms.sdk.replica_logs import LogPiece, Replica

HOSTILE = b"one\x1b[2J\x1b]0;title\x07\r\n\tbad\rgood\n"
SHOWN = "one\\x1b[2J\\x1b]0;title\\x07\n\tbad\\rgood\n"


REPLICA = Replica(id="a", version=1, state="ready", created_at=datetime(2026, 1, 1, tzinfo=UTC))


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def test_control_characters_are_shown_wherever_pieces_end() -> None:
    for size in (1, 2, 5, 100):
        shown = Shown()
        pieces = [HOSTILE[at : at + size] for at in range(0, len(HOSTILE), size)]
        assert "".join(map(shown.next, pieces)) == SHOWN


@pytest.mark.parametrize("terminal", [True, False])
def test_a_pipe_gets_what_was_written_and_a_terminal_what_is_readable(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tell in (log_writer_tells, logs_tell):
        raw = io.BytesIO()
        out = (Terminal if terminal else io.TextIOWrapper)(raw, encoding="utf-8", newline="")
        monkeypatch.setattr(sys, "stdout", out)
        tell()
        out.flush()
        assert raw.getvalue() == (SHOWN.encode() if terminal else HOSTILE)


def test_what_was_said_before_a_log_stands_before_it_in_a_pipe_too(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8"))
    print("version 2, the newest of named")
    log_writer()(b"attempt 1 of 2\n")
    assert raw.getvalue() == b"version 2, the newest of named\nattempt 1 of 2\n"


def log_writer_tells() -> None:
    log_writer()(HOSTILE)


def logs_tell() -> None:
    Lines(_as_text).add(LogPiece(replica=REPLICA, content=HOSTILE))
