"""Loading: open the artifact, then run every signature until it is warm, so that the first caller waits for nobody."""

from collections.abc import Callable

from bms.core.errors import BmsError, FailedPrecondition
from bms.core.signature import Signature, shape_text
from bms.core.tensor import Array, dtype_of
from bms.serving.lifecycle.examples import constant
from bms.serving.lifecycle.servable import Servable, StreamingServable


def load(opener: Callable[[], Servable], *, warmup_runs: int, max_rows: int) -> Servable:
    """A servable that has answered at batch 1 and at `max_rows`, `warmup_runs` times each.

    Raises what `opener` raises, and FailedPrecondition when a warm-up run fails or its answer is not what the
    signature says; the servable is closed then.
    """
    servable = opener()
    try:
        for name, signature in servable.signatures.items():
            warm_up(servable, name, signature, runs=warmup_runs, max_rows=max_rows)
    except BaseException:
        servable.close()
        raise
    return servable


def warm_up(servable: Servable, name: str, signature: Signature, *, runs: int, max_rows: int) -> None:
    """Runs one signature on zeros and ones. Raises FailedPrecondition naming the run that went wrong."""
    streams = isinstance(servable, StreamingServable) and name in servable.streaming
    for rows in sorted({1, max_rows}) if signature.batched and not streams else [1]:
        for run in range(runs):
            inputs = constant(signature, rows, run % 2)
            try:
                if isinstance(servable, StreamingServable) and streams:
                    for _ in servable.stream(name, inputs):
                        pass
                    continue
                check_outputs(signature, servable.infer(name, inputs), rows)
            except BmsError as error:
                raise FailedPrecondition(
                    f"warm-up of signature {name!r} with {rows} rows failed: {error.message}"
                ) from error


def check_outputs(signature: Signature, outputs: dict[str, Array], rows: int) -> None:
    """Raises FailedPrecondition naming the first output that is not what the signature says."""
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
