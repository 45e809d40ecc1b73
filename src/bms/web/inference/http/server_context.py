"""The port to the server as its connections see it: limits, and which handler a request goes to."""

from typing import Any, Protocol

from bms.core.errors import BmsError
from bms.web.inference.http.heads import Heads
from bms.web.inference.http.limits import HttpLimits
from bms.web.inference.http.request import HttpRequest


class ServerContext(Protocol):
    """What connections share, and how they find a request's handler."""

    limits: HttpLimits
    connections: set[Any]  # of every protocol
    heads: Heads
    date: bytes  # a whole Date header line
    draining: bool

    def now(self) -> float: ...

    def fresh_id(self) -> bytes: ...

    def open(self, request: HttpRequest) -> None:
        """Sets the head's and the request's handler once the head is there. Raises BmsError to refuse."""
        ...

    def reopen(self, request: HttpRequest) -> None:
        """Admits a request whose head was opened before."""
        ...

    def remembers(self, request: HttpRequest) -> bool:
        """Whether the head of such a request is worth caching."""
        ...

    def error_body(self, request: HttpRequest, error: BmsError) -> tuple[bytes, bytes]:
        """Returns content type and body for an error, in the dialect of the request's path."""
        ...

    def refused(self, request: HttpRequest, error: BmsError) -> None:
        """Counts an answer that no handler gave."""
        ...
