"""The limits on what a client may send, and how slowly."""

import msgspec


class HttpLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sizes in bytes, times in seconds. `body_bytes` bounds inference bodies; what is proxied to control is
    streamed."""

    target_bytes: int = 8192
    header_bytes: int = 32768
    header_count: int = 100
    body_bytes: int = 64 << 20
    connections: int = 10_000
    header_timeout_s: float = 15.0  # of TLS's handshake, too
    body_timeout_s: float = 30.0  # and as much longer as the body takes at the least rate
    body_bytes_per_s: int = 16_384
    keep_alive_s: float = 120.0
    write_timeout_s: float = 60.0
    linger_s: float = 2.0
    control_timeout_s: float = 300.0  # until control begins its answer
