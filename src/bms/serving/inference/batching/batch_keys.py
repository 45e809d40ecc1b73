"""Batch keys: which micro-batches may share a run; what holds for all of one key is checked and measured once."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from bms.core.errors import InvalidArgument, NotFound
from bms.core.tensors.parameters import chosen_parameters, read_parameters
from bms.core.tensors.signature import DEFAULT, Signature, check_inputs
from bms.core.tensors.tensor import Array, Tensor
from bms.protocols.frames import InferMeta
from bms.serving.inference.batching.inline_run import InlineRunPolicy
from bms.serving.inference.batching.policy import WaitStatistics
from bms.serving.inference.batching.rate import Rate
from bms.serving.inference.batching.times import ServiceTimes
from bms.serving.inference.plan import Plan
from bms.serving.lifecycle.servable import Servable, StatefulServable, StreamingServable

Prepare = Callable[[dict[str, Array]], dict[str, Array]]
RATE_WINDOW_S = 0.5
_MOST_KEYS = 1024  # clients choose shapes; what is beyond is forgotten, oldest first


class SignatureTarget(NamedTuple):
    """What runs for a signature's name: signature `target`, after `prepare` where there is one, by its `engine` or in
    batches."""

    signature: Signature
    target: str
    prepare: Prepare | None
    streams: StreamingServable | None
    steps: StatefulServable | None = None
    engine: bool = False


class RunProfile:
    """Measured run times of one signature, for rows of about one size."""

    def __init__(self) -> None:
        self.times = ServiceTimes()
        self.inline = InlineRunPolicy()


class BatchKey:
    """What must be equal for micro-batches to share a run (where `batched`): signature, parameters, wanted outputs,
    types, and shapes but for the number of rows. `answers` are the outputs' shapes seen so far, without rows, by
    name."""

    __slots__ = ("answers", "batched", "outputs", "params", "profile", "rate", "route", "target", "wait_statistics")

    def __init__(
        self,
        route: SignatureTarget,
        outputs: tuple[str, ...],
        profile: RunProfile,
        *,
        batched: bool,
        params: bytes = b"",
    ) -> None:
        self.route = route
        self.target = route.target
        self.outputs = outputs
        self.params = params
        self.batched = batched
        self.answers: dict[str, tuple[int, ...]] = {}
        self.profile = profile
        self.rate = Rate(RATE_WINDOW_S)
        self.wait_statistics = WaitStatistics()


class BatchKeys:
    """All batch keys of one servable."""

    def __init__(self) -> None:
        self._routes: dict[str, SignatureTarget] = {}
        self._frames: dict[object, BatchKey] = {}  # by what a frame says
        self._batch_keys: dict[object, BatchKey] = {}  # by what it means
        self._profiles: dict[tuple[str, int], RunProfile] = {}

    def serve(self, servable: Servable, plan: Plan | None = None, engine: Collection[str] = ()) -> None:
        """Registers the servable's signatures, of which an engine may run some, and the one that a plan adds."""
        streaming = servable.streaming if isinstance(servable, StreamingServable) else frozenset[str]()
        for name, signature in servable.signatures.items():
            streams = servable if isinstance(servable, StreamingServable) and name in streaming else None
            steps = servable if isinstance(servable, StatefulServable) and name in servable.stateful else None
            self._routes[name] = SignatureTarget(signature, name, None, streams, steps, name in engine)
        if plan is not None:
            self._routes[plan.name] = SignatureTarget(plan.signature, plan.target, plan.prepare, None)
        if DEFAULT not in self._routes and len(servable.signatures) == 1:
            self._routes[DEFAULT] = self._routes[next(iter(servable.signatures))]

    def find(self, meta: InferMeta, tensors: Sequence[Tensor]) -> tuple[BatchKey, int]:
        """Returns the batch key of a call's inputs, and their number of rows. Raises NotFound or InvalidArgument."""
        shapes = tuple([(one.name, one.dtype, one.shape[1:] if one.shape else None) for one in meta.tensors])
        key: object = (meta.signature, meta.outputs, shapes, meta.params)
        batch_key = self._frames.get(key)
        if batch_key is not None and (rows := _common_rows(tensors)):
            return batch_key, rows
        route = self._routes.get(meta.signature or DEFAULT)
        if route is None:
            raise NotFound(f"no signature {meta.signature!r}: this model has {', '.join(map(repr, self._routes))}")
        rows = check_inputs(route.signature, list(tensors))
        for name in meta.outputs:
            route.signature.output(name)
        if meta.params:
            _check_parameters(route, meta.params)
        batch_key = self._batch_key(
            route, meta.outputs, {tensor.name: tensor.array for tensor in tensors}, rows, meta.params
        )
        if route.signature.batched and tensors:
            _keep(self._frames, key, batch_key)
        return batch_key, rows

    def prepared(self, batch_key: BatchKey, inputs: dict[str, Array], rows: int) -> BatchKey:
        """Returns the batch key of inputs that the preparation of `batch_key` made."""
        return self._batch_key(self._routes[batch_key.target], batch_key.outputs, inputs, rows, batch_key.params)

    def warmed(self, target: str, rows: int, seconds: float, elements: int) -> None:
        """Records that a warm-up run took so long; `elements` are of the inputs, in each row."""
        self._profile(target, elements).times.note(rows, seconds)

    def _profile(self, target: str, elements: int) -> RunProfile:
        """Returns the run times of a signature whose rows have about so many elements."""
        key = (target, elements.bit_length())
        found = self._profiles.get(key)
        if found is None:
            found = self._profiles[key] = RunProfile()
        return found

    def _batch_key(
        self, route: SignatureTarget, outputs: tuple[str, ...], inputs: dict[str, Array], rows: int, params: bytes
    ) -> BatchKey:
        batched = route.signature.batched
        specs = route.signature.inputs
        shapes = tuple([inputs[spec.name].shape for spec in specs if spec.name in inputs])
        key: object = tuple([one[1:] for one in shapes]) if batched else shapes
        if len(inputs) != len(shapes) or len(shapes) != len(specs):  # with masks, or without what is optional
            key = (key, tuple(sorted(inputs)))
        key = (route.prepare is None, route.target, outputs, key, params)
        found = self._batch_keys.get(key)
        if found is None:
            elements = sum(array.size for array in inputs.values()) // rows
            found = BatchKey(route, outputs, self._profile(route.target, elements), batched=batched, params=params)
            _keep(self._batch_keys, key, found)
        return found


def _keep(batch_keys: dict[object, BatchKey], key: object, batch_key: BatchKey) -> None:
    if len(batch_keys) >= _MOST_KEYS:
        del batch_keys[next(iter(batch_keys))]
    batch_keys[key] = batch_key


def _check_parameters(route: SignatureTarget, params: bytes) -> None:
    """Raises InvalidArgument for parameters that the signature does not have, or that can't be read."""
    try:
        given: Any = read_parameters(params)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"the parameters of a call can't be read: {error}") from None
    if route.streams is not None:
        raise InvalidArgument("a signature that answers in a stream takes no parameters")
    chosen_parameters(route.signature.params, given)


def _common_rows(tensors: Sequence[Tensor]) -> int:
    """Returns the first dimension of all tensors, 0 where they differ."""
    rows: int = tensors[0].array.shape[0]
    for tensor in tensors[1:]:
        if tensor.array.shape[0] != rows:
            return 0
    return rows


def check_together(batch_key: BatchKey, calls: int) -> None:
    """Raises InvalidArgument where several calls of this key can't travel in one frame."""
    if calls > 1 and not batch_key.route.signature.batched:
        raise InvalidArgument(f"signature {batch_key.target!r} is not batched: send its calls one by one")
