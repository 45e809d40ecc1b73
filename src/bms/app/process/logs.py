"""Structured logs: one JSON object a line on stderr, with the request's id where there is one, never a secret."""

import json
import logging
import re
import sys
import time

_SECRET = re.compile(r"(bmsk_[0-9a-z]{26})\.[A-Za-z0-9_-]{20,}|((?:Bearer|Basic)\s+)[^\s\"',]{8,}", re.IGNORECASE)
_EXTRA = ("request_id", "operation", "tenant", "job", "deployment", "replica", "workload", "gateway")


class JsonLines(logging.Formatter):
    """A log formatter: one JSON object with time, level, process, logger, message, extra fields, and the traceback."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
        }
        for name in _EXTRA:
            if hasattr(record, name):
                line[name] = getattr(record, name)
        if record.exc_info:
            line["error"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def without_secrets(text: str) -> str:
    """The text with the secret half of keys, and credentials after Bearer or Basic, replaced by dots."""
    return _SECRET.sub(lambda found: f"{found[1]}.…" if found[1] else f"{found[2]}…", text)


def log_to_stderr(process: str, level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(process))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
