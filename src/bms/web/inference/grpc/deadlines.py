"""For how long a call may take, as its client says."""

from collections.abc import Callable

from bms.core.errors import DeadlineExceeded
from bms.web.inference.grpc.call import Call


def left_s(call: Call, monotonic: Callable[[], float]) -> float | None:
    """Seconds of the call's grpc-timeout that are left, None where it has none.

    Raises DeadlineExceeded where it is over already.
    """
    if call.deadline is None:
        return None
    left = call.deadline - monotonic()
    if left <= 0:
        raise DeadlineExceeded("the call's grpc-timeout was over before the call was read")
    return left
