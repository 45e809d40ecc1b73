"""SETTINGS frames: the server's own, and checks of a peer's (RFC 9113, section 6.5)."""

from bms.web.inference.http2 import frames
from bms.web.inference.http2.faults import FLOW_CONTROL_ERROR, PROTOCOL_ERROR, ConnectionFault
from bms.web.inference.http2.limits import Http2Limits

HEADER_TABLE_SIZE = 0x1
ENABLE_PUSH = 0x2
MAX_CONCURRENT_STREAMS = 0x3
INITIAL_WINDOW_SIZE = 0x4
MAX_FRAME_SIZE = 0x5
MAX_HEADER_LIST_SIZE = 0x6


def ours(limits: Http2Limits) -> bytes:
    """Encodes the server's first frames: SETTINGS, and the connection's window at its whole size."""
    return frames.settings(
        {
            MAX_CONCURRENT_STREAMS: limits.streams,
            INITIAL_WINDOW_SIZE: limits.stream_window,
            MAX_FRAME_SIZE: limits.frame_bytes,
            MAX_HEADER_LIST_SIZE: limits.header_bytes,
        }
    ) + frames.window_update(0, limits.connection_window - frames.FIRST_WINDOW)


def check(identifier: int, value: int) -> None:
    """Raises ConnectionFault for a value that its setting may not have. Unknown settings are ignored."""
    if identifier == ENABLE_PUSH and value > 1:
        raise ConnectionFault(PROTOCOL_ERROR, "ENABLE_PUSH must be 0 or 1")
    if identifier == INITIAL_WINDOW_SIZE and value > frames.MAX_WINDOW:
        raise ConnectionFault(FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE is above 2**31-1")
    if identifier == MAX_FRAME_SIZE and not frames.LEAST_FRAME_SIZE <= value <= frames.MOST_FRAME_SIZE:
        raise ConnectionFault(PROTOCOL_ERROR, "MAX_FRAME_SIZE must be 2**14 to 2**24-1")
