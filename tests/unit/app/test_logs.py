"""Log lines are JSON and never hold a secret."""

import json
import logging

from bms.app.process.logs import JsonLines
from bms.core.access.credentials import new_key


def _line(message: str, **extra: object) -> dict[str, object]:
    record = logging.makeLogRecord({"name": "bms.x", "levelname": "INFO", "msg": message, **extra})
    loaded: dict[str, object] = json.loads(JsonLines("control").format(record))
    return loaded


def test_a_line_says_who_when_and_for_which_request() -> None:
    line = _line("hello\nforged: line", request_id="req_1", password="x")
    assert (line["process"], line["request_id"], line["message"]) == ("control", "req_1", "hello\nforged: line")
    assert "password" not in line


def test_secrets_are_cut_out() -> None:
    key = new_key()
    for message in (f"key {key} used", f"Authorization: Bearer {key}", "authorization: bearer abcdefghijkl"):
        line = str(_line(message)["message"])
        assert key.secret not in line
        assert "abcdefghijkl" not in line
    assert key.key_id in str(_line(f"key {key}")["message"])
