"""What connections know of the site they belong to."""

from typing import Any, Protocol

from bms.core.errors import BmsError
from bms.web.inference.http.heads import Heads
from bms.web.inference.http.limits import HttpLimits
from bms.web.inference.http.request import HttpRequest


class ServerContext(Protocol):
    """The site that connections belong to."""

    limits: HttpLimits
    connections: set[Any]  # of every protocol
    heads: Heads
    date: bytes  # a whole Date header line
    draining: bool

    def now(self) -> float: ...

    def fresh_id(self) -> bytes: ...

    def open(self, request: HttpRequest) -> None:
        """The head is there: sets its handler, and the request's. Raises BmsError to refuse."""
        ...

    def reopen(self, request: HttpRequest) -> None:
        """As `open`, for a head that was opened before."""
        ...

    def remembers(self, request: HttpRequest) -> bool:
        """Whether the heads of such requests are worth remembering."""
        ...

    def error_body(self, request: HttpRequest, error: BmsError) -> tuple[bytes, bytes]:
        """Content type and body for an error, in the dialect of the request's path."""
        ...

    def refused(self, request: HttpRequest, error: BmsError) -> None:
        """Counts an answer that no handler gave."""
        ...
