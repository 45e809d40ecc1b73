"""The trace and logging extensions: fixed settings, as Triton's clients read them; a client changes none.

Sources: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_trace.md and
extension_logging.md
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import orjson

from bms.core.errors import InvalidArgument, Unimplemented

Setting = Literal["trace", "log"]
Value = str | bool | int | list[str]
SETTINGS: dict[Setting, dict[str, Value]] = {
    "trace": {
        "trace_file": "",
        "trace_level": ["OFF"],
        "trace_rate": "1000",
        "trace_count": "-1",
        "log_frequency": "0",
        "trace_mode": "triton",
    },
    "log": {
        "log_file": "",
        "log_info": True,
        "log_warning": True,
        "log_error": True,
        "log_verbose_level": 0,
        "log_format": "default",
    },
}
_INSTEAD: dict[Setting, str] = {
    "trace": "requests are not traced here; /metrics and statistics say where their time goes",
    "log": "what is logged is the operator's to say; `bms logs NAME` shows a model's own log",
}


def encode_settings(kind: Setting) -> bytes:
    """Encodes the answer of `GET /v2/trace/setting`, `/v2/models/M/trace/setting` and `/v2/logging`."""
    return orjson.dumps(SETTINGS[kind])


def check_settings(kind: Setting, body: bytes | memoryview) -> None:
    """Checks a POST that would change settings. Raises InvalidArgument for an invalid body or an unknown setting,
    Unimplemented for a change."""
    text = bytes(body).strip()
    try:
        given = msgspec.json.decode(text, type=dict[str, Any]) if text else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument(f"the body is not what was expected: {error}; send an object of settings") from None
    check_same(kind, given)


def check_same(kind: Setting, given: Mapping[str, object]) -> None:
    """Checks that a setting keeps its value; None means the default, which all have. Raises as `check_settings`."""
    known = SETTINGS[kind]
    for name, value in given.items():
        if name not in known:
            raise InvalidArgument(f"no {kind} setting {name[:80]!r}: there are {', '.join(known)}")
        present = known[name]
        same = value in (present, [present]) or (isinstance(present, str) and str(value) == present)
        if value is not None and not same:
            raise Unimplemented(f"{kind} setting {name!r} stays {present!r}: {_INSTEAD[kind]}")
