"""Methods of a protocol that are not served, so that it is said why."""

from bms.core.errors import Unimplemented
from bms.web.inference.desk import Desk
from bms.web.inference.grpc.call import Call
from bms.web.inference.grpc.callers import caller
from bms.web.inference.grpc.method import QuietMethod


class Refused(QuietMethod):
    def __init__(self, desk: Desk, why: str) -> None:
        self._desk = desk
        self._why = why

    def opened(self, call: Call) -> None:
        caller(self._desk, call)
        raise Unimplemented(self._why)
