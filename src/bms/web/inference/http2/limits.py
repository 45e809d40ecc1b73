"""The limits of one HTTP/2 connection."""

import msgspec


class Http2Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sizes in bytes, times in seconds. Rates are allowances: so many at once, and so many more each second."""

    streams: int = 256  # open at once
    stream_window: int = 1 << 20
    connection_window: int = 16 << 20
    frame_bytes: int = 1 << 16
    header_bytes: int = 32_768  # of a header list as RFC 9113, section 6.5.2, counts it
    header_count: int = 100
    continuations: int = 16  # frames in which one header block may come
    header_timeout_s: float = 15.0  # for the preface, the first SETTINGS and its ACK, a header block
    body_timeout_s: float = 30.0  # and as much longer as the body takes at the least rate
    body_bytes_per_s: int = 16_384
    keep_alive_s: float = 120.0  # without a stream
    ping_after_s: float = 60.0  # of silence while streams are open
    ping_timeout_s: float = 20.0
    write_timeout_s: float = 60.0  # for the client to take some of what waits for it
    linger_s: float = 2.0  # for the last bytes to go
    resets: int = 1000  # streams that ended by a client's fault or change of mind, beyond those answered
    resets_per_s: int = 100
    control_frames: int = 10_000  # frames that ask nothing by themselves, beyond what requests explain
    control_frames_per_s: int = 1000
    queued_bytes: int = 256 << 20  # of answers that the client does not take
    buffered_bytes: int = 128 << 20  # of unfinished messages from one client
