"""Loads a version: opens the artifact, then runs every signature until it is warm, so that the first caller waits for
no warm-up."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from bms.core.clock import Clock
from bms.core.errors import BmsError, FailedPrecondition
from bms.core.tensors.class_names import names_text
from bms.core.tensors.signature import Signature, shape_text
from bms.core.tensors.tensor import Array, dtype_of
from bms.serving.lifecycle.examples import constant, repeated
from bms.serving.lifecycle.servable import ExemplaryServable, Servable, StreamingServable


class WarmRun(NamedTuple):
    """The time of a warm run of a signature, in seconds; `elements`: of the inputs, in each row."""

    signature: str
    rows: int
    seconds: float
    elements: int


class Loaded(NamedTuple):
    """A servable that is warm, the measured run times, and, by signature, why it does not run with some numbers of
    rows."""

    servable: Servable
    runs: tuple[WarmRun, ...]
    limits: Mapping[str, str] = MappingProxyType({})


def load(
    opener: Callable[[], Servable],
    *,
    warmup_runs: int,
    sizes: Sequence[int],
    clock: Clock,
    surely: int | None = None,
) -> Loaded:
    """Loads a servable and warms it up: `warmup_runs` runs with each of `sizes` rows, those beyond `surely` only if it
    can: verification asks no more than that, so what it found ready starts here.

    Raises what `opener` raises, and FailedPrecondition when another warm-up run fails or its answer is not what the
    signature says; the servable is closed then.
    """
    servable = opener()
    runs: list[WarmRun] = []
    limits: dict[str, str] = {}
    try:
        for name, signature in servable.signatures.items():
            try:
                runs += warm_up(servable, name, signature, runs=warmup_runs, sizes=sizes, clock=clock)
            except FailedPrecondition as error:
                fewer = () if surely is None else _up_to(surely, sizes)
                if not fewer or not signature.batched:
                    raise
                try:
                    runs += warm_up(servable, name, signature, runs=warmup_runs, sizes=fewer, clock=clock)
                except FailedPrecondition:
                    raise error from None  # which names the run that was asked for
                limits[name] = error.message
    except BaseException:
        servable.close()
        raise
    return Loaded(servable, tuple(runs), limits)


def warm_up(
    servable: Servable, name: str, signature: Signature, *, runs: int, sizes: Sequence[int], clock: Clock
) -> list[WarmRun]:
    """Runs one signature on its example, else on zeros and ones. Raises FailedPrecondition naming the run that went
    wrong."""
    streams = isinstance(servable, StreamingServable) and name in servable.streaming
    measured: list[WarmRun] = []
    for rows in sorted(set(sizes)) if signature.batched and not streams else [1]:
        seconds: list[float] = []
        for run in range(runs):
            inputs = own_example(servable, name, rows) or constant(signature, rows, run % 2)
            began = clock.monotonic()
            try:
                if isinstance(servable, StreamingServable) and streams:
                    for _ in servable.stream(name, inputs):
                        pass
                    continue
                outputs = servable.infer(name, inputs)
                seconds.append(clock.monotonic() - began)
                check_outputs(signature, outputs, rows)
            except BmsError as error:
                raise FailedPrecondition(
                    f"warm-up of signature {name!r} with {rows} rows failed: {error.message}"
                ) from error
        if seconds:
            elements = sum(array.size for array in inputs.values()) // rows
            measured.append(WarmRun(name, rows, min(seconds), elements))
    return measured


def _up_to(surely: int, sizes: Sequence[int]) -> tuple[int, ...]:
    """Returns `sizes` cut off at `surely`, which is then the last; empty where none is larger."""
    return (*(rows for rows in sizes if rows < surely), surely) if max(sizes) > surely else ()


def own_example(servable: Servable, name: str, rows: int) -> dict[str, Array] | None:
    """Returns so many rows of the example that the signature's maker gave; all of them where rows are not
    independent."""
    example = servable.examples.get(name) if isinstance(servable, ExemplaryServable) else None
    if example is None:
        return None
    return repeated(example, rows) if servable.signatures[name].batched else dict(example)


def check_outputs(signature: Signature, outputs: dict[str, Array], rows: int) -> None:
    """Raises FailedPrecondition naming the first output that is not what the signature declares."""
    for spec in signature.outputs:
        array = outputs.get(spec.name)
        if array is None:
            raise FailedPrecondition(f"output {spec.name!r} is missing from the model's answer")
        if dtype_of(array) != spec.dtype:
            raise FailedPrecondition(f"output {spec.name!r} is {dtype_of(array)}, the signature says {spec.dtype}")
        if len(array.shape) != len(spec.shape) or any(
            want is not None and want != have for want, have in zip(spec.shape, array.shape, strict=True)
        ):
            raise FailedPrecondition(
                f"output {spec.name!r} has shape {list(array.shape)}, the signature says {shape_text(spec.shape)}"
            )
        if signature.batched and array.shape[:1] != (rows,):
            raise FailedPrecondition(
                f"output {spec.name!r} has shape {list(array.shape)} for {rows} rows: the signature is declared "
                "batched, but the model does not give one answer per row; declare it with batched false"
            )
    check_labels(signature, outputs)


def check_labels(signature: Signature, outputs: dict[str, Array]) -> None:
    """Raises FailedPrecondition unless there is a score for each name of a class, where classes have names."""
    scores = outputs.get(signature.scores) if signature.scores is not None and signature.labels else None
    if scores is not None and scores.shape[-1:] != (len(signature.labels),):
        raise FailedPrecondition(
            f"there are {len(signature.labels)} labels ({names_text(signature.labels)}), and output "
            f"{signature.scores!r} has shape {list(scores.shape)}; give a label for each score of a row, in their order"
        )
