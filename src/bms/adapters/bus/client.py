"""The gateway's end of the bus: connects to control, passes on its messages, and reconnects whenever the connection is
lost."""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Protocol

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.serving.snapshot import SnapshotUpdate
from bms.protocols.bus import FromGateway, GatewayHello, UsageAck, encode, message_reader, to_gateway
from bms.protocols.lengths import LENGTH
from bms.protocols.snapshots.parts import PartsReader

log = logging.getLogger(__name__)
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 1.0
_READ = 1 << 18


class BusListener(Protocol):
    """The callbacks for a bus client's messages and losses."""

    def hello(self) -> GatewayHello:
        """The message that every connection begins with."""
        ...

    def bus_connected(self) -> None: ...

    def bus_lost(self) -> None:
        """Called when a connection ended, or could not be made."""
        ...

    def on_update(self, update: SnapshotUpdate) -> None: ...

    def on_ack(self, ack: UsageAck) -> None: ...


class RawUsageBatch(msgspec.Struct, frozen=True, tag="usage"):
    """`bms.protocols.bus.UsageBatch` with runs that are encoded already."""

    source: str
    runs: list[msgspec.Raw]


_encode_raw: Callable[[RawUsageBatch], bytes] = msgspec.msgpack.Encoder().encode


class BusClient:
    """The gateway's connection to control; `path` is control's Unix socket."""

    def __init__(self, path: str, listener: BusListener) -> None:
        self._path = path
        self._listener = listener
        self._writer: asyncio.StreamWriter | None = None

    @property
    def connected(self) -> bool:
        return self._writer is not None

    def send(self, message: FromGateway) -> bool:
        """Sends a message; False where there is no connection, and the message is dropped."""
        return self._write(encode(message))

    def send_usage(self, source: str, runs: list[bytes]) -> bool:
        """Sends encoded usage runs, in order of seq. False where there is no connection."""
        body = _encode_raw(RawUsageBatch(source, [msgspec.Raw(run) for run in runs]))
        return self._write(LENGTH.pack(len(body)) + body)

    async def run(self) -> None:
        """Connects, and reconnects when the connection is lost, until cancelled."""
        wait = _FIRST_WAIT
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(self._path)
            except OSError as error:
                log.debug("control's bus at %s cannot be reached: %s", self._path, error)
                self._listener.bus_lost()
            else:
                if await self._serve(reader, writer):
                    wait = _FIRST_WAIT
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Until the connection ends; whether anything was received on it."""
        self._writer = writer
        messages, parts, heard = message_reader(), PartsReader(), False
        try:
            self.send(self._listener.hello())
            self._listener.bus_connected()
            while data := await reader.read(_READ):
                for body in messages.feed(data):
                    heard = True
                    self._hand_over(body, parts)
        except (OSError, InvalidArgument, msgspec.DecodeError) as error:
            log.warning("control's bus: the connection broke: %s", error)
        finally:
            self._writer = None
            writer.close()
            self._listener.bus_lost()
        return heard

    def _hand_over(self, body: bytes, parts: PartsReader) -> None:
        message = to_gateway.decode(body)
        if isinstance(message, UsageAck):
            self._listener.on_ack(message)
        elif (update := parts.feed(message)) is not None:
            self._listener.on_update(update)

    def _write(self, data: bytes) -> bool:
        if self._writer is None or self._writer.is_closing():
            return False
        self._writer.write(data)
        return True
