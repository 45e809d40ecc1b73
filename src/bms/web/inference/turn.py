"""The end of a loop turn: first the books, with one write for all, then the answers they are for."""

import asyncio
from collections.abc import Callable

from bms.core.errors import BmsError
from bms.serving.traffic.metering import Books, Usage
from bms.web.inference.answers import JSON
from bms.web.inference.request import Request


class Turn:
    """Gathers the answers of dispatched requests until the loop comes round.

    Where the books cannot be written, every answer of the turn becomes that error, and nothing is billed.
    """

    def __init__(self, books: Books, soon: Callable[[Callable[[], object]], object] | None = None) -> None:
        self._books = books
        self._soon = soon or asyncio.get_running_loop().call_soon
        self._usages: list[Usage] = []
        self._answers: list[tuple[Request | None, int, bytes, bytes, bytes]] = []

    def add(
        self,
        usage: Usage,
        request: Request | None,
        status: int,
        body: bytes,
        headers: bytes = b"",
        content_type: bytes = JSON,
    ) -> None:
        """`request` None: the client is gone, only the books are left to write."""
        if not self._answers:
            self._soon(self.close)
        self._usages.append(usage)
        self._answers.append((request, status, content_type, body, headers))

    def close(self) -> None:
        """Writes the books and gives the answers."""
        answers, self._answers = self._answers, []
        usages, self._usages = self._usages, []
        if not answers:
            return
        try:
            self._books.write(usages)
        except BmsError as error:
            for request, *_ in answers:
                if request is not None:
                    request.connection.respond_error(request, error)
            return
        for request, status, content_type, body, headers in answers:
            if request is not None:
                request.connection.respond(request, status, content_type, body, headers)
