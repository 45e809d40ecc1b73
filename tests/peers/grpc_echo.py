"""A gRPC server of our own layer that answers by itself: `python -m tests.peers.grpc_echo [LIMIT=NUMBER…]` prints its
port.

/test.Echo/Unary sends back what came, /Stream each message, /Head what was understood of the call's head as JSON,
/Never nothing, /Cancelled how many calls of /Never were cancelled, /Fail the error whose code is the message, /Large as
many bytes as the message says, /Broken meets a defect. /Turn ends the server's health. Limits are those of Http2Limits.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count

import uvloop

from bms.core.errors import InvalidArgument, from_code
from bms.web.inference.grpc.call import RpcCall
from bms.web.inference.grpc.health import health_methods
from bms.web.inference.grpc.method import Method, QuietMethod
from bms.web.inference.grpc.reflection import reflection_methods
from bms.web.inference.grpc.server import GrpcServer
from bms.web.inference.http2.connection import Http2Connection
from bms.web.inference.http2.limits import Http2Limits
from bms.web.inference.http2.table import Http2Handler


class Answer(QuietMethod):
    def __init__(self, answer: Callable[[RpcCall, bytes], bytes]) -> None:
        self._answer = answer

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        call.respond(self._answer(call, bytes(message)))


class Stream(QuietMethod):
    streams = True

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        if message == b"refuse":
            raise InvalidArgument("refused, as asked")
        call.send(bytes(message))
        if call.congested:
            call.hold(True)

    def writable(self, call: RpcCall) -> None:
        call.hold(False)

    def ended(self, call: RpcCall) -> None:
        call.finish()


class Never(QuietMethod):
    cancelled = 0

    def message(self, call: RpcCall, message: bytes | memoryview) -> None: ...

    def cancel(self, call: RpcCall) -> None:
        self.cancelled += 1


class Context:
    """The host of all connections."""

    def __init__(self, limits: Http2Limits, most_connections: int = 100) -> None:
        self.http2_limits = limits
        self.most_connections = most_connections
        self.connections: set[Http2Connection] = set()
        self.now = time.monotonic
        self.refused: list[int] = []
        self.serving = True
        ids = count(1)
        self.http2_handler: Http2Handler = GrpcServer(
            self._methods(),
            message_bytes=16 << 20,
            buffered_bytes=limits.buffered_bytes,
            fresh_id=lambda: b"echo-%d" % next(ids),
            refused=self.refused.append,
        )

    def _methods(self) -> dict[bytes, Method]:
        never = Never()
        methods: dict[str, Method] = {
            "Unary": Answer(lambda call, message: message),
            "Stream": Stream(),
            "Head": Answer(lambda call, message: _head(call)),
            "Never": never,
            "Cancelled": Answer(lambda call, message: b"%d" % never.cancelled),
            "Fail": Answer(_fail),
            "Large": Answer(lambda call, message: bytes(int(message))),
            "Broken": Answer(lambda call, message: bytes([1000])),
            "Turn": Answer(self._turn),
        }
        return {
            **{f"/test.Echo/{name}".encode(): method for name, method in methods.items()},
            **health_methods({"": lambda: self.serving, "test.Echo": lambda: self.serving}),
            **reflection_methods(),
        }

    def _turn(self, call: RpcCall, message: bytes) -> bytes:
        self.serving = not self.serving
        return b""


def _head(call: RpcCall) -> bytes:
    head, now = call.head, time.monotonic()
    said = {
        "authorization": head.authorization and head.authorization.decode(),
        "api_key": head.api_key and head.api_key.decode(),
        "id": call.id.decode(),
        "left_s": None if call.deadline is None else call.deadline - now,
    }
    return json.dumps(said).encode()


def _fail(call: RpcCall, message: bytes) -> bytes:
    code, _, wait = message.decode().partition(" ")
    raise from_code(code, "100 % “wrong”\n", float(wait) if wait else None)


@asynccontextmanager
async def echo(*limits: str) -> AsyncIterator[str]:
    """The port of such a server in a process of its own."""
    server = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.peers.grpc_echo", *limits, stdout=-1)
    assert server.stdout is not None
    try:
        yield (await asyncio.wait_for(server.stdout.readline(), 20)).decode().strip()
    finally:
        server.kill()
        await server.wait()


async def serve(limits: Http2Limits) -> None:
    context, loop = Context(limits), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Http2Connection(context), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while True:
        await asyncio.sleep(1)
        for connection in list(context.connections):
            connection.check_time(context.now())


def main(arguments: list[str], run: Callable[[Awaitable[None]], None]) -> None:
    given = dict(each.split("=") for each in arguments)
    types = {name: type(value) for name, value in vars_of(Http2Limits()).items()}
    run(serve(Http2Limits(**{name: types[name](value) for name, value in given.items()})))


def vars_of(limits: Http2Limits) -> dict[str, float]:
    return {name: getattr(limits, name) for name in limits.__struct_fields__}


if __name__ == "__main__":
    main(sys.argv[1:], uvloop.run)  # type: ignore[arg-type]
