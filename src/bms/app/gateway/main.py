"""The gateway process: `python -m bms.app.gateway CONFIG.json` answers clients on an inherited listening socket.

It serves from the last good snapshot on disk until control is there, and goes on when control or its own parent is
gone. SIGTERM or SIGINT: accepts no more, finishes what is in flight within `drain_s`, ships its usage journal, ends.
SIGHUP: reads its TLS certificate again.
"""

import asyncio
import gc
import itertools
import logging
import os
import random
import signal
import socket
import time
from collections.abc import Coroutine
from pathlib import Path

import uvloop

from bms import __version__
from bms.adapters.bus.client import BusClient
from bms.adapters.journal.shipper import Shipper
from bms.adapters.journal.writer import Journal
from bms.adapters.replicas.link import ReplicaLink
from bms.adapters.snapshots.state_file import StateKeeper, load_state
from bms.app.gateway.config import GatewayConfig, inherit, read_config
from bms.app.gateway.tls import Certificate
from bms.app.gateway.vocabulary import vocabulary_if_there
from bms.app.process.logs import log_to_stderr
from bms.core.errors import BmsError, InvalidArgument
from bms.core.ids import new_id
from bms.core.serving.snapshot import ReplicaAddress, SnapshotUpdate
from bms.protocols.bus import Applied, GatewayHello, GatewayStats, ReplicaDown, UsageAck
from bms.serving.pipeline.metrics import GatewayMetrics
from bms.serving.pipeline.pipeline import Pipeline
from bms.serving.pipeline.sequence_routing import SequenceRoutings
from bms.serving.pipeline.write_batch import WriteBatch
from bms.serving.traffic.dispatcher import ReplicaDispatcher
from bms.serving.traffic.replicas import ReplicaTable
from bms.serving.traffic.snapshot_index import SnapshotIndex
from bms.web.inference.describe import Describer
from bms.web.inference.dialects import DIALECTS, OpenAiEmbeddings
from bms.web.inference.first_bytes import FirstBytes
from bms.web.inference.grpc.connection_handler import GrpcConnectionHandler
from bms.web.inference.grpc.service import gateway_methods
from bms.web.inference.handler import InferenceHandler
from bms.web.inference.http.proxies import Proxies
from bms.web.inference.request_gateway import RequestGateway
from bms.web.inference.rest.server import RestServer
from bms.web.inference.reverse_proxy import ReverseProxy

log = logging.getLogger("bms.gateway")
EXIT_USAGE = 2
_DEADLINE_TICK_S = 0.02
_FIRST_UPDATE_S = 1.0  # how long a control that is there may take to say what changed since our last snapshot


class Gateway:
    """One gateway with its parts wired together; hears the bus as its BusListener."""

    def __init__(self, config: GatewayConfig) -> None:
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._source = new_id("gw")
        self._ready = False
        self._watching = False  # the deadlines of calls
        self._first_update = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        directory = Path(config.directory)
        state = directory / "snapshot"
        self._bus = BusClient(config.bus_socket, self)
        self._journal = Journal(directory, self._source, config.segment_bytes)
        self._shipper = Shipper(self._journal, self._bus.send_usage)
        self._keeper = StateKeeper(state, lambda: self._pipeline.index.state())
        self._table = ReplicaTable(self._connect)
        self._dispatcher = ReplicaDispatcher(
            self._table, self._current, time.monotonic, random.random, self._watch_deadlines
        )
        metrics = GatewayMetrics(config.slot)
        write_batch = WriteBatch(self._journal)
        self._pipeline = Pipeline(
            dispatcher=self._dispatcher,
            write_batch=write_batch,
            metrics=metrics,
            monotonic=time.monotonic,
            unix_ns=time.time_ns,
            random=random.random,
            steps=(SequenceRoutings(self._dispatcher.sequences),),  # in the order in which a request takes them
        )
        self._certificate = Certificate(config.tls_certificate, config.tls_key) if config.tls_certificate else None
        self._proxy = ReverseProxy(
            config.control_socket,
            metrics,
            time.monotonic,
            config.limits.control_timeout_s,
            scheme=b"https" if self._certificate else b"http",
            proxies=Proxies(config.proxies),
        )
        vocabulary = vocabulary_if_there(config.openai_tokens)
        self._request_gateway = RequestGateway(
            name=self._source,
            limits=config.limits,
            pipeline=self._pipeline,
            handler=InferenceHandler(
                self._pipeline, config.limits, {**DIALECTS, "embeddings": OpenAiEmbeddings(vocabulary)}
            ),
            describer=Describer(
                index=self._current,
                ready=lambda: self._ready,
                metrics=metrics,
                version=__version__,
                random=random.random,
            ),
            proxy=self._proxy,
            metrics=metrics,
            now=time.monotonic,
            unix_ns=time.time_ns,
            origins=config.origins,
        )
        self._grpc = GrpcConnectionHandler(
            gateway_methods(self._pipeline, self._proxy, lambda: self._ready, __version__),
            config.limits,
            connections=self._request_gateway.connections,
            now=time.monotonic,
            fresh_id=self._request_gateway.fresh_id,
            refused=metrics.direct,
            others=lambda buffered_bytes: RestServer(self._request_gateway, buffered_bytes),
        )
        self._write_batch, self._metrics = write_batch, metrics
        metrics.gauges = {
            "bms_gateway_connections": ("Open client connections.", lambda: len(self._request_gateway.connections)),
            "bms_gateway_in_flight": ("Requests with model servers.", lambda: self._pipeline.admission.total),
            "bms_gateway_replicas": ("Replicas known.", lambda: len(self._table)),
            "bms_gateway_snapshot_revision": ("Revision routed by.", lambda: self._pipeline.index.revision),
            "bms_gateway_usage_unshipped": ("Usage events not yet acknowledged.", lambda: self._shipper.unshipped),
            "bms_gateway_usage_unreadable": ("Journal segments set aside.", lambda: self._shipper.unreadable),
            "bms_gateway_control_connected": ("Whether the bus is up.", lambda: self._bus.connected),
        }
        kept = load_state(state)
        if kept is not None:
            self._apply_index(SnapshotIndex.of_state(kept))

    async def serve(self, listening: socket.socket, stop: asyncio.Event) -> None:
        """Serves until `stop` is set and all requests in flight are answered."""
        self._start(
            self._bus.run(), self._shipper.run(), self._keeper.run(), self._every_second(), self._report_stats()
        )
        if self._ready:
            await self._wait_first_update()
        tls = self._certificate
        server = await self._loop.create_server(
            self._connection,
            sock=listening,
            backlog=4096,
            ssl=tls.context if tls else None,
            ssl_handshake_timeout=self._config.limits.header_timeout_s if tls else None,
        )
        gc.collect()
        gc.freeze()
        # Predictions leave no cycles: looking for some among them costs more than it finds. Connections that end and
        # requests that are passed on do: `_every_second` looks at what is new since the last second.
        gc.set_threshold(100_000, 50, 50)
        revision = self._pipeline.index.revision
        log.info("gateway %d accepts, source %s, revision %d", self._config.slot, self._source, revision)
        await stop.wait()
        server.close()
        await self._drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        shipped = not self._shipper.unshipped
        self._journal.close()
        if shipped:
            self._shipper.remove_own()
        log.info("gateway %d ends, %d usage events left to ship", self._config.slot, self._shipper.unshipped)

    def reread_certificate(self) -> None:
        """Reads the TLS certificate again now, without waiting for the check of its files."""
        if self._certificate is not None:
            self._certificate.reload()

    # --- what the bus tells ---

    def hello(self) -> GatewayHello:
        return GatewayHello(
            slot=self._config.slot,
            source=self._source,
            pid=os.getpid(),
            revision=self._pipeline.index.revision if self._ready else 0,
            token=self._config.bus_token,
        )

    def bus_connected(self) -> None:
        self._shipper.connected()

    def bus_lost(self) -> None:
        self._shipper.lost()
        self._first_update.set()

    def on_update(self, update: SnapshotUpdate) -> None:
        self._apply_index(self._pipeline.index.apply(update))
        self._first_update.set()
        self._bus.send(Applied(update.revision))
        self._keeper.changed()

    def on_ack(self, ack: UsageAck) -> None:
        self._shipper.acknowledged(ack.source, ack.seq)

    # --- parts ---

    def _connection(self) -> FirstBytes:
        return FirstBytes(self._request_gateway, self._request_gateway.connection, self._grpc.connection)

    def _current(self) -> SnapshotIndex:
        return self._pipeline.index

    def _apply_index(self, index: SnapshotIndex) -> None:
        """Routes by `index` from now on, and connects to the replicas that it newly names."""
        before = self._pipeline.index
        self._pipeline.update(index)
        self._ready = True
        for id in index.changed:
            old, new = before.by_id.get(id), index.by_id.get(id)
            if old is not new:
                self._table.update(old.entry if old else None, new.entry if new else None)

    def _connect(self, address: ReplicaAddress) -> ReplicaLink:
        return ReplicaLink(address.address, lambda: self._report_down(address.id), token=address.token)

    def _report_down(self, replica: str) -> None:
        self._bus.send(ReplicaDown(replica))

    def _watch_deadlines(self) -> None:
        if not self._watching:
            self._watching = True
            self._loop.call_later(_DEADLINE_TICK_S, self._expire)

    def _expire(self) -> None:
        self._watching = bool(self._dispatcher.active)
        if self._watching:
            self._dispatcher.expire()
            self._loop.call_later(_DEADLINE_TICK_S, self._expire)

    def _start(self, *parts: Coroutine[None, None, None]) -> None:
        for part in parts:
            task = self._loop.create_task(part)
            task.add_done_callback(_must_not_fail)
            self._tasks.append(task)

    async def _wait_first_update(self) -> None:
        """Waits a moment for control's first update: a key that was revoked while this gateway was away must not
        work."""
        try:
            async with asyncio.timeout(_FIRST_UPDATE_S):
                await self._first_update.wait()
        except TimeoutError:
            log.warning(
                "control does not answer: serving by the last snapshot, revision %d", self._pipeline.index.revision
            )

    async def _every_second(self) -> None:
        for second in itertools.count(1):
            await asyncio.sleep(1)
            self._request_gateway.check_time()
            gc.collect(0 if second % 60 else 1)
            if self._certificate is not None:
                self._certificate.refresh()

    async def _report_stats(self) -> None:
        while True:
            self._bus.send(
                GatewayStats(
                    slot=self._config.slot,
                    connections=len(self._request_gateway.connections),
                    in_flight=self._pipeline.admission.total,
                    requests=self._metrics.requests,
                    metrics=self._metrics.text(named=True),
                )
            )
            await asyncio.sleep(self._config.stats_every_s)

    async def _drain(self) -> None:
        self._request_gateway.drain()
        until = time.monotonic() + self._config.drain_s
        while self._request_gateway.busy or self._pipeline.admission.total:
            if time.monotonic() >= until:
                log.warning(
                    "gateway %d: %d requests were not answered in time", self._config.slot, self._request_gateway.busy
                )
                break
            await asyncio.sleep(0.02)
        self._table.retire_all()
        for connection in list(self._request_gateway.connections):
            connection.close()
        self._write_batch.close()
        await self._shipper.drain(1.0)


async def serve(config: GatewayConfig, listening: socket.socket) -> None:
    """Runs one gateway, from the last good snapshot to the end of its drain after SIGTERM or SIGINT."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    gateway = Gateway(config)
    loop.add_signal_handler(signal.SIGHUP, gateway.reread_certificate)
    await gateway.serve(listening, stop)


def main(arguments: list[str]) -> int:
    """Exit status 0 after a drain, 2 for a config, socket or directory that can't be used; the reason is logged."""
    log_to_stderr("gateway", "INFO")
    try:
        if len(arguments) != 1:
            raise InvalidArgument("expected one argument, the path of the config's JSON file")
        config = read_config(Path(arguments[0]))
        log_to_stderr(f"gateway-{config.slot}", config.log_level)
        listening = inherit(config.listen_fd)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(config, listening))
    except BmsError as error:
        log.error("can't start: %s", error.message)
        return EXIT_USAGE
    except OSError as error:
        log.error("can't start: %s", error)
        return EXIT_USAGE
    return 0


def _must_not_fail(task: asyncio.Task[None]) -> None:
    """Ends the process when a background task ends by itself: a new process is better than half a gateway."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("a part of the gateway failed", exc_info=task.exception())
        os._exit(1)
