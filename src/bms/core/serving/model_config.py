"""Model configuration as Triton's clients know it: the most rows of a request, and the layout of images in an input."""

from collections.abc import Mapping

from msgspec import structs

from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.sequences import check_limits
from bms.core.tensors.signature import DEFAULT, ImageFormat, Signature, TensorSpec, shape_text

_IMAGE = 3  # dimensions, beside the rows: channels, height and width


def configured(
    signatures: Mapping[str, Signature], max_batch_size: int, formats: Mapping[str, ImageFormat]
) -> dict[str, Signature]:
    """Returns `signatures` with a configuration for all of them: `max_batch_size` (0: nothing) of the batched ones and
    of the one that clients see who know of no signatures; `formats` of inputs, by name.

    Raises FailedPrecondition for an input that there is not, and for a max_batch_size below 0.
    """
    if max_batch_size < 0:
        raise FailedPrecondition(f"max_batch_size {max_batch_size} is below 0: say how many rows a request may have")
    known = {spec.name for signature in signatures.values() for spec in signature.inputs}
    for name in formats:
        if name not in known:
            takes = ", ".join(map(repr, sorted(known)))
            raise FailedPrecondition(f"format {formats[name]} is set for input {name[:80]!r}: the model takes {takes}")
    shown = DEFAULT if DEFAULT in signatures else next(iter(signatures), None)
    return {
        name: structs.replace(
            one,
            max_batch_size=(max_batch_size if one.batched or name == shown else 0) or one.max_batch_size,
            inputs=tuple(_laid_out(spec, formats) for spec in one.inputs),
        )
        for name, one in signatures.items()
    }


def check_configured(name: str, signature: Signature, why: str = "") -> None:
    """Raises FailedPrecondition where a signature contradicts its configuration, InvalidArgument for impossible limits;
    `why` its rows don't share runs, where that is known."""
    if signature.sequences is not None:
        check_limits(signature.sequences)
    most = signature.max_batch_size
    if most and not signature.batched:
        reason = why or "each request has a run of its own"
        raise FailedPrecondition(
            f"signature {name!r} has max_batch_size {most}, which promises that rows are independent, but {reason}; "
            "leave it out, or give an example with which that can be proved"
        )
    for spec in (*signature.inputs, *signature.outputs) if most else ():
        if spec.shape[:1] != (None,):
            raise FailedPrecondition(
                f"signature {name!r} has max_batch_size {most}, but {spec.name!r} has shape {shape_text(spec.shape)}, "
                "whose first dimension is not free"
            )
    for spec in signature.inputs:
        if spec.format is not None and len(dims(spec, signature)) != _IMAGE:
            raise FailedPrecondition(
                f"input {spec.name!r} of signature {name!r} has format {spec.format}, which is of channels, height and "
                f"width, and its shape is {shape_text(spec.shape)}: say max_batch_size, too, if the first dimension "
                "counts images"
            )


def check_rows(signature: Signature, rows: int, name: str) -> None:
    """Raises InvalidArgument for more rows than one request of the deployment `name` may have."""
    if 0 < signature.max_batch_size < rows:
        most = signature.max_batch_size
        raise InvalidArgument(
            f"inference request batch-size must be <= {most} for {name!r}, not {rows}: its max_batch_size is {most}"
        )


def check_sequence(signature: Signature, name: str) -> None:
    """Raises InvalidArgument for a step of a sequence to a model that keeps nothing."""
    if signature.sequences is None:
        raise InvalidArgument(f"sequences are not served by {name!r}: each request stands alone; send no sequence_id")


def dims(spec: TensorSpec, signature: Signature) -> tuple[int | None, ...]:
    """Returns a tensor's dimensions as a configuration lists them: without the rows, where it says how many there may
    be."""
    return spec.shape[1:] if signature.max_batch_size else spec.shape


def _laid_out(spec: TensorSpec, formats: Mapping[str, ImageFormat]) -> TensorSpec:
    said = formats.get(spec.name)
    return spec if said is None else structs.replace(spec, format=said)
