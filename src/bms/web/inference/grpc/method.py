"""What a gRPC method is to the server."""

from typing import Protocol

from bms.web.inference.grpc.call import RpcCall


class Method(Protocol):
    """One method of a service. All calls come from the loop; each may answer at once or later, and may raise BmsError,
    which ends the call with it."""

    streams: bool  # whether the client sends a stream; otherwise `message` comes exactly once

    def opened(self, call: RpcCall) -> None:
        """The head is there: refuses by it what can be."""
        ...

    def message(self, call: RpcCall, message: bytes | memoryview) -> None: ...

    def ended(self, call: RpcCall) -> None:
        """The client sends no more; only where it streams."""
        ...

    def cancel(self, call: RpcCall) -> None:
        """Nobody waits for the answer any more."""
        ...

    def writable(self, call: RpcCall) -> None:
        """What was sent has gone to the client."""
        ...

    def check_time(self, call: RpcCall, now: float) -> None:
        """Called once a second, `now` in seconds."""
        ...


class QuietMethod:
    """A method that does nothing but answer."""

    streams = False

    def opened(self, call: RpcCall) -> None: ...

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        raise NotImplementedError

    def ended(self, call: RpcCall) -> None: ...

    def cancel(self, call: RpcCall) -> None: ...

    def writable(self, call: RpcCall) -> None: ...

    def check_time(self, call: RpcCall, now: float) -> None: ...
