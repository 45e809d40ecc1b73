"""Deadlines of gRPC calls, from their grpc-timeout."""

from bms.core.errors import DeadlineExceeded


def left_s(deadline: float, now: float) -> float:
    """Returns the seconds left of a call's grpc-timeout. Raises DeadlineExceeded where it is over already."""
    left = deadline - now
    if left <= 0:
        raise DeadlineExceeded("the call's grpc-timeout was over before the call was read")
    return left
