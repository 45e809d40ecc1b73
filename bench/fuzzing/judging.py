"""What answers may be, in HTTP/1.1 and HTTP/2: judged by the strict reading of what was sent."""

import re
import struct

from bms.web.inference.http2 import frames
from bms.web.inference.http2.faults import INTERNAL_ERROR
from fuzzing.strict import read

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
_OURS = b"defect of ours"
_PATIENCE_S = 1.0
_UNAVAILABLE = (501, 503)  # the others above 499 say that something of ours is broken, or late


def statuses(answer: bytes) -> list[int]:
    """Of the answers in order; 100 Continue is none. Our bodies hold no status lines."""
    return [status for status in map(int, _STATUS.findall(answer)) if status != 100]


def wrong_http1(data: bytes, answer: bytes) -> str | None:
    """What is wrong with what came back, None where nothing is."""
    if not answer:
        return None
    if not answer.startswith(b"HTTP/1."):
        return f"answered with {answer[:100]!r}"
    if _OURS in answer:
        return f"met a defect: {answer[-600:]!r}"
    said = statuses(answer)
    for status in said:
        if status > 499 and status not in _UNAVAILABLE and not (status == 504 and b"timeout" in data):
            return f"answered {status}: {answer[:600]!r}"
    believed, _ = read(data)
    if len(said) > len(believed) + 1 or any(status < 400 for status in said[len(believed) :]):
        return f"{len(believed)} requests mean one thing, answered were {said}"
    return None


def wrong_http2(answer: bytes) -> str | None:
    """The same of frames."""
    if answer.startswith(b"HTTP/1."):
        return None  # the preface was broken
    if _OURS in answer:
        return f"met a defect: {answer[-600:]!r}"
    at = 0
    while at + frames.HEAD_SIZE <= len(answer):
        size, kind = int.from_bytes(answer[at : at + 3], "big"), answer[at + 3]
        if kind > frames.CONTINUATION or size > 1 << 16:
            return f"no frame at {at}: {answer[at : at + 40]!r}"
        payload = answer[at + frames.HEAD_SIZE : at + frames.HEAD_SIZE + size]
        if kind in (frames.GOAWAY, frames.RST_STREAM) and len(payload) >= 4:
            (code,) = struct.unpack_from(">I", payload, 4 if kind == frames.GOAWAY else 0)
            if code == INTERNAL_ERROR:
                return f"an internal error: {payload!r}"
        at += frames.HEAD_SIZE + size
    return None


def late(first_s: float | None) -> str | None:
    return f"the answer came after {first_s:.2f} s" if first_s is not None and first_s > _PATIENCE_S else None
