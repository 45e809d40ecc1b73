"""Protocol errors of HTTP/2 peers, with the error codes of RFC 9113, section 7."""

NO_ERROR = 0x0
PROTOCOL_ERROR = 0x1
INTERNAL_ERROR = 0x2
FLOW_CONTROL_ERROR = 0x3
SETTINGS_TIMEOUT = 0x4
STREAM_CLOSED = 0x5
FRAME_SIZE_ERROR = 0x6
REFUSED_STREAM = 0x7
CANCEL = 0x8
COMPRESSION_ERROR = 0x9
ENHANCE_YOUR_CALM = 0xB


class ConnectionFault(Exception):
    """An error that ends the connection: GOAWAY with `code`, and `reason` as its debug data."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{reason} (code {code})")
        self.code = code
        self.reason = reason


class StreamFault(Exception):
    """An error that ends one stream: RST_STREAM with `code`. `reason` is for whoever reads the log or a test."""

    def __init__(self, stream_id: int, code: int, reason: str) -> None:
        super().__init__(f"stream {stream_id}: {reason} (code {code})")
        self.stream_id = stream_id
        self.code = code
        self.reason = reason
