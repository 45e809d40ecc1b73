"""`bms logs` prints whole lines, each replica's for itself, though pieces end anywhere."""

from datetime import UTC, datetime

from bms.cli.commands.logs import Lines, readable
from bms.sdk.replica_logs import LogPiece, Replica


def replica(id: str) -> Replica:
    return Replica(id=id, version=1, state="ready", created_at=datetime(2026, 1, 1, tzinfo=UTC))


def test_pieces_of_several_replicas_become_whole_lines() -> None:
    said: list[tuple[str, str, bool]] = []
    lines = Lines(lambda one, line, several: said.append((one.id, line, several)))
    for id, content in (("a", b"one\nt"), ("b", b"eins\n"), ("a", b"wo\nth"), ("b", "zw\xf6lf".encode("latin-1"))):
        lines.add(LogPiece(replica=replica(id), content=content))
    lines.end()
    assert said == [
        ("a", "one", False),
        ("b", "eins", True),
        ("a", "two", True),
        ("a", "th", True),
        ("b", "zw\ufffdlf", True),
    ]


def test_what_the_model_server_says_is_put_into_words() -> None:
    line = '{"at": "2026-11-30T00:42:31.284+00:00", "level": "error", "logger": "bms.model", "event": "it failed"'
    assert readable(line + "}") == ["2026-11-30 00:42:31 error: it failed"]
    assert readable(line + ', "reason": "no room", "trace": "Traceback:\\n  here\\u001b[31m"}') == [
        "2026-11-30 00:42:31 error: it failed: no room",
        "Traceback:",
        r"  here\x1b[31m",
    ]
    for own in ("a print", '{"event": "of the model\'s own"}', "[1, 2]", '{"at": 1}', "\ud800", ""):
        assert readable(own) == [own]
