"""A base for handlers that wait for the whole body of a request before they start."""

from bms.web.inference.http.request import HttpRequest


class WholeBodyHandler:
    """All of a `HttpRequestHandler` but `start`. What it does not begin it need not cancel, and what it writes is never
    paused."""

    whole_body = True

    def start(self, request: HttpRequest) -> None:
        raise NotImplementedError

    def body(self, request: HttpRequest, chunk: bytes | memoryview) -> None:
        raise AssertionError("a whole body has no more")

    def end(self, request: HttpRequest) -> None:
        raise AssertionError("a whole body has no more")

    def cancel(self, request: HttpRequest) -> None:
        """Nothing to do: answers are given at once."""

    def writable(self, request: HttpRequest, yes: bool) -> None:
        """Nothing to do: an answer is written in one piece."""
