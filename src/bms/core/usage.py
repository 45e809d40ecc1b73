"""The books: one immutable event per answered attempt. Integers only; sums are derived."""

import msgspec


class UsageEvent(msgspec.Struct, frozen=True, array_like=True):
    """One attempt of one inference request, as the gateway that answered it saw it.

    (`source`, `seq`) is unique: `source` is one gateway process's life, `seq` counts from 1 without gaps, so
    shipping may repeat and never doubles. Times are nanoseconds; `at` is Unix time.
    """

    source: str
    seq: int
    at: int
    tenant: str
    key: str
    deployment: str
    model: str
    version: int
    request_id: str
    status: int  # the HTTP status answered
    rows: int
    bytes_in: int
    bytes_out: int
    compute_ns: int
