"""Until when a call may take."""

from bms.core.errors import DeadlineExceeded
from bms.serving.traffic.snapshot_index import Route
from bms.web.inference.desk import Desk
from bms.web.inference.grpc.call import Call


def deadline(desk: Desk, call: Call, route: Route, asked_s: float | None) -> float:
    """Monotonic seconds: the least of what the deployment, the call's grpc-timeout and the request itself allow.

    Raises DeadlineExceeded where it is over already.
    """
    if asked_s is None and call.deadline is None:
        return desk.monotonic() + route.entry.timeout_s
    return desk.deadline(route, asked_s, _left_s(desk, call))


def _left_s(desk: Desk, call: Call) -> float | None:
    if call.deadline is None:
        return None
    left = call.deadline - desk.monotonic()
    if left <= 0:
        raise DeadlineExceeded("the call's grpc-timeout was over before the call was read")
    return left
