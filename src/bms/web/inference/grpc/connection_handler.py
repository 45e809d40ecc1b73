"""The handler of a gateway's HTTP/2 connections: gRPC calls, and other requests."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from bms.web.inference.grpc.method import Method
from bms.web.inference.grpc.server import GrpcServer
from bms.web.inference.http.limits import HttpLimits
from bms.web.inference.http2.connection import Http2Connection
from bms.web.inference.http2.limits import Http2Limits
from bms.web.inference.http2.table import Http2Handler


class GrpcConnectionHandler:
    """Makes HTTP/2 connections for accepted sockets. `connections` is the gateway's own set, which holds those of
    HTTP/1.1 too; `refused` counts by HTTP status; `others` handles the streams that are not gRPC, and is made with how
    many bytes one connection may buffer there."""

    def __init__(
        self,
        methods: Mapping[bytes, Method],
        limits: HttpLimits,
        *,
        connections: set[Any],
        now: Callable[[], float],
        fresh_id: Callable[[], bytes],
        refused: Callable[[int], object],
        others: Callable[[int], Http2Handler],
    ) -> None:
        self.http2_limits = of_http(limits)
        self.most_connections = limits.connections
        self.connections = connections
        self.now = now
        buffered_bytes = max(self.http2_limits.buffered_bytes, 2 * limits.body_bytes)
        self.http2_handler: Http2Handler = GrpcServer(
            methods,
            message_bytes=limits.body_bytes,
            buffered_bytes=buffered_bytes,
            fresh_id=fresh_id,
            refused=refused,
            others=others(buffered_bytes),
        )

    def connection(self) -> asyncio.Protocol:
        """Returns a protocol for one accepted socket."""
        return Http2Connection(self)


def of_http(limits: HttpLimits) -> Http2Limits:
    """Translates the limits of HTTP/1.1 into those of HTTP/2."""
    return Http2Limits(
        header_bytes=limits.header_bytes,
        header_count=limits.header_count,
        header_timeout_s=limits.header_timeout_s,
        body_timeout_s=limits.body_timeout_s,
        body_bytes_per_s=limits.body_bytes_per_s,
        keep_alive_s=limits.keep_alive_s,
        write_timeout_s=limits.write_timeout_s,
        linger_s=limits.linger_s,
    )
