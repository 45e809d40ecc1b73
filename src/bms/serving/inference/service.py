"""The model server's heart: calls come in, are checked, wait for company, run in the worker, and are answered."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

from bms.core.clock import Clock
from bms.core.errors import BmsError, NotFound, Unavailable
from bms.core.programs import Batching
from bms.core.signature import DEFAULT, Signature, check_inputs
from bms.core.tensor import Array, Tensor
from bms.protocols.frames import InferMeta
from bms.serving.inference.call import Asker, Call, group_of
from bms.serving.inference.dispatch import Dispatch
from bms.serving.inference.foreign import call_foreign
from bms.serving.inference.ledger import Ledger, error_frame
from bms.serving.inference.metrics import Metrics
from bms.serving.inference.preprocess import IMAGE, ImagePlan
from bms.serving.inference.streams import Streams
from bms.serving.inference.worker import Worker
from bms.serving.lifecycle.servable import Servable, StreamingServable
from bms.serving.lifecycle.states import Lifecycle

MAX_IN_FLIGHT = 8192  # a gateway admits far fewer, so whoever goes beyond has lost count


class _Route(NamedTuple):
    """What a signature's name leads to: `target` is run, after `prepare` where there is one."""

    signature: Signature
    target: str
    wants: Signature  # of the target
    prepare: Callable[[dict[str, Array]], dict[str, Array]] | None
    streams: StreamingServable | None


class ModelService:
    """Answers the calls of any number of askers with one servable. Everything runs in the loop's thread but what
    is given to the worker, and preparation, which runs in `preparing`."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        worker: Worker,
        preparing: Executor,
        lifecycle: Lifecycle,
        batching: Batching,
    ) -> None:
        self.metrics = Metrics()
        self.ledger = Ledger(self.metrics)
        self._loop = loop
        self._clock = clock
        self._preparing = preparing
        self._lifecycle = lifecycle
        self._dispatch = Dispatch(loop, clock, worker, self.ledger, batching)
        self._streams = Streams(clock, worker, self.ledger)
        self._routes: dict[str, _Route] = {}

    def serve(self, servable: Servable, images: ImagePlan | None = None) -> None:
        """From now on calls are answered by this servable."""
        for name, signature in servable.signatures.items():
            self._routes[name] = _Route(signature, name, signature, None, None)
        if isinstance(servable, StreamingServable):
            for name in servable.streaming:
                self._routes[name] = self._routes[name]._replace(streams=servable)
        if images is not None:
            wants = servable.signatures[images.target]
            self._routes[IMAGE] = _Route(images.signature, images.target, wants, images.prepare, None)
        if DEFAULT not in self._routes and len(servable.signatures) == 1:
            self._routes[DEFAULT] = next(iter(self._routes.values()))
        self._dispatch.serve(servable)

    def infer(self, asker: Asker, id: int, meta: InferMeta, tensors: list[Tensor]) -> None:
        """Takes one request in; it is answered on `asker`, perhaps at once, with an error."""
        try:
            route, call = self._admit(asker, id, meta, tensors)
        except BmsError as error:
            self.metrics.failed(error.code)
            asker.send(error_frame(id, error))
            return
        self.ledger.open(call)
        if route.prepare is not None:
            self._prepare(call, route.prepare, route.wants)
        elif route.streams is not None:
            self._streams.start(route.streams, call)
        else:
            self._dispatch.add(call)

    def cancel(self, call: Call) -> None:
        """The asker does not wait for this call any more. What runs already runs to its end, for nobody."""
        self.ledger.cancel(call)
        self._dispatch.cancel(call)

    async def drained(self) -> None:
        """Returns when every accepted call is answered; none is held for company any more."""
        self._dispatch.hurry()
        await self.ledger.idle()

    def refuse(self, call: Call, error: BmsError) -> None:
        """Ends a call that can't be waited for any longer."""
        self.ledger.fail(call, error)
        self._dispatch.cancel(call)

    def close(self) -> None:
        self._dispatch.close()

    def _admit(self, asker: Asker, id: int, meta: InferMeta, tensors: list[Tensor]) -> tuple[_Route, Call]:
        if not self._lifecycle.ready:
            raise Unavailable(f"this model server is {self._lifecycle.state}, not AVAILABLE: ask another replica")
        if self.ledger.in_flight >= MAX_IN_FLIGHT:
            raise Unavailable(f"{MAX_IN_FLIGHT} requests are in flight already: ask another replica")
        route = self._routes.get(meta.signature or DEFAULT)
        if route is None:
            raise NotFound(f"no signature {meta.signature!r}: this model has {', '.join(map(repr, self._routes))}")
        rows = check_inputs(route.signature, tensors)
        for name in meta.outputs:
            route.signature.output(name)
        inputs = {tensor.name: tensor.array for tensor in tensors}
        now = self._clock.monotonic()
        deadline = now + meta.timeout_us / 1e6 if meta.timeout_us else None
        group = None if route.prepare else group_of(route.target, route.wants, inputs, meta.outputs)
        return route, Call(asker, id, route.target, inputs, meta.outputs, rows, now, deadline, group)

    def _prepare(self, call: Call, prepare: Callable[[dict[str, Array]], dict[str, Array]], wants: Signature) -> None:
        def prepared(future: asyncio.Future[dict[str, Array]]) -> None:
            if call.cancelled or future.cancelled():
                return
            error = future.exception()
            if isinstance(error, BmsError):
                self.ledger.fail(call, error)
                return
            call.inputs = future.result()
            call.group = group_of(call.signature, wants, call.inputs, call.outputs)
            self._dispatch.add(call)

        raw = call.inputs
        running = self._loop.run_in_executor(
            self._preparing,
            lambda: {} if call.cancelled else call_foreign("decoding the images", lambda: prepare(raw)),
        )
        running.add_done_callback(prepared)
