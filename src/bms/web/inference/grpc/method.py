"""The port to gRPC methods, as the server calls them."""

from typing import Protocol

from bms.web.inference.grpc.call import RpcCall


class Method(Protocol):
    """One method of a service. All calls come from the loop; each may answer at once or later, and may raise BmsError,
    which ends the call with it."""

    streams: bool  # whether the client sends a stream; otherwise `message` comes exactly once

    def opened(self, call: RpcCall) -> None:
        """Called when the head is there; refuses the call by its head alone where it can."""
        ...

    def message(self, call: RpcCall, message: bytes | memoryview) -> None: ...

    def ended(self, call: RpcCall) -> None:
        """Called when the client sends no more; only where it streams."""
        ...

    def cancel(self, call: RpcCall) -> None:
        """Called when nobody waits for the answer any more."""
        ...

    def writable(self, call: RpcCall) -> None:
        """Called when everything sent has gone to the client."""
        ...

    def check_time(self, call: RpcCall, now: float) -> None:
        """Called once a second, `now` in seconds."""
        ...


class QuietMethod:
    """A base for methods that only answer: all other calls do nothing."""

    streams = False

    def opened(self, call: RpcCall) -> None: ...

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        raise NotImplementedError

    def ended(self, call: RpcCall) -> None: ...

    def cancel(self, call: RpcCall) -> None: ...

    def writable(self, call: RpcCall) -> None: ...

    def check_time(self, call: RpcCall, now: float) -> None: ...
