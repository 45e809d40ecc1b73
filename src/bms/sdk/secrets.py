"""Secrets: values that models send to their upstreams, set once and read by nobody."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from bms.sdk.binding import D, Resource, operation, path_part, stream
from bms.sdk.flow import Flow, Stream


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret without its value. It is sent to `hosts` alone; none: to any. `usable` is false when the server lacks
    the key that it was encrypted with."""

    name: str
    hosts: tuple[str, ...]
    set_at: datetime
    set_by: str
    usable: bool = True
    revision: int = 1


class Secrets(Resource[D]):
    """/api/v1/secrets"""

    @operation
    def set(self, name: str, value: str, *, hosts: Sequence[str] = ()) -> Flow[Secret]:
        """Sets or replaces it. Model servers that run keep the former value until they are started again."""
        body = {"value": value, "hosts": list(hosts)}
        return self._change("PUT", f"/secrets/{path_part(name)}", Secret, body)

    @stream
    def list(self) -> Stream[Secret]:
        """By name."""
        return self._pages("/secrets", Secret)

    @operation
    def delete(self, name: str) -> Flow[None]:
        """Raises NotFound."""
        return self._change("DELETE", f"/secrets/{path_part(name)}", type(None))
