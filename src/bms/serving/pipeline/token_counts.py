"""How many tokens an answer took and made, where its engine counts them, or its model tells that by outputs of those
names."""

from collections.abc import Iterable

from bms.core.meters import INPUT_TOKENS, OUTPUT_TOKENS
from bms.core.tensors.tensor import Tensor
from bms.core.usage import Quantities
from bms.protocols.frames import AnswerEnd

_MOST = 1 << 40  # of one row: a model's own code may have written any number there


def told_tokens(outputs: Iterable[Tensor]) -> Quantities:
    """Of integer outputs that are named as the meters are, the sum over the rows; what can't be true counts nothing."""
    found: dict[str, int] = {}
    for tensor in outputs:
        counts = tensor.array
        if tensor.name not in (INPUT_TOKENS, OUTPUT_TOKENS) or counts.dtype.kind not in "iu" or not counts.size:
            continue
        if int(counts.min()) >= 0 and int(counts.max()) <= _MOST:
            found[tensor.name] = int(counts.sum())
    return tuple(sorted(found.items()))


def counted(end: AnswerEnd) -> Quantities:
    """What an engine counted of a whole request."""
    found = ((INPUT_TOKENS, end.input_tokens), (OUTPUT_TOKENS, end.output_tokens))
    return tuple((meter, tokens) for meter, tokens in found if tokens is not None)


def corrected(told: Quantities, known: Quantities) -> Quantities:
    """`told`, with what is `known` in place of it, by meter."""
    return tuple(sorted({**dict(told), **dict(known)}.items())) if known else told


def added(one: Quantities, other: Quantities) -> Quantities:
    """Both together, by meter."""
    if not other:
        return one
    found = dict(one)
    for meter, amount in other:
        found[meter] = found.get(meter, 0) + amount
    return tuple(sorted(found.items()))
