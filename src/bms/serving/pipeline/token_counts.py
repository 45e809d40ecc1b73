"""Token counts of an answer: as the engine counted them, or as the model reports them by outputs named like the
meters."""

from collections.abc import Iterable

from bms.core.meters import INPUT_TOKENS, OUTPUT_TOKENS
from bms.core.tensors.tensor import Tensor
from bms.core.usage import Quantities
from bms.protocols.frames import AnswerEnd

_MOST = 1 << 40  # of one row: a model's own code may have written any number there


def reported_tokens(outputs: Iterable[Tensor]) -> Quantities:
    """Sums integer outputs that are named as the meters are, over the rows; impossible values count nothing."""
    found: dict[str, int] = {}
    for tensor in outputs:
        counts = tensor.array
        if tensor.name not in (INPUT_TOKENS, OUTPUT_TOKENS) or counts.dtype.kind not in "iu" or not counts.size:
            continue
        if int(counts.min()) >= 0 and int(counts.max()) <= _MOST:
            found[tensor.name] = int(counts.sum())
    return tuple(sorted(found.items()))


def counted(end: AnswerEnd) -> Quantities:
    """Returns the engine's counts of a whole request, by meter."""
    found = ((INPUT_TOKENS, end.input_tokens), (OUTPUT_TOKENS, end.output_tokens))
    return tuple((meter, tokens) for meter, tokens in found if tokens is not None)


def corrected(reported: Quantities, engine_counts: Quantities) -> Quantities:
    """Returns `reported`, with what is `engine_counts` in place of it, by meter."""
    return tuple(sorted({**dict(reported), **dict(engine_counts)}.items())) if engine_counts else reported


def added(one: Quantities, other: Quantities) -> Quantities:
    """Adds counts, by meter."""
    if not other:
        return one
    found = dict(one)
    for meter, amount in other:
        found[meter] = found.get(meter, 0) + amount
    return tuple(sorted(found.items()))
