"""Finds which texts may be batched, by running some: padding must not change a text's answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from bms.core.errors import BmsError, FailedPrecondition
from bms.core.tensors.tensor import Array
from bms.serving.inference.preparation.tokens import Encoding, alike
from bms.serving.inference.reasons import reason

BatchIndependence = Literal["padded", "equal", "alone"]
"""Texts of any length, the shorter ones padded; only those with as many tokens; each by itself."""
Run = Callable[[Sequence[Encoding]], Mapping[str, Array]]


class Tokenised(NamedTuple):
    """The tokens of a text: an `Encoding`."""

    ids: list[int]
    type_ids: list[int]


def batch_independence_of(run: Run, encodings: Sequence[Encoding]) -> BatchIndependence:
    """The most that leaves the answers to `encodings` as they are alone. Raises FailedPrecondition where the model does
    not even run on one."""
    texts = [Tokenised(list(one.ids), list(one.type_ids)) for one in encodings if one.ids]
    try:
        alone = [run([text]) for text in texts]
    except MemoryError:
        raise
    except Exception as error:  # of whatever library runs it
        words = error.message if isinstance(error, BmsError) else reason(error)
        raise FailedPrecondition(f"the model does not run on a text: {words}") from error
    if len({len(text.ids) for text in texts}) > 1 and _same(run, texts, alone):
        return "padded"
    pairs = [[text, _other(text, texts)] for text in texts]
    if all(_same(run, pair, [run([text]) for text in pair]) for pair in pairs):
        return "equal"
    return "alone"


def _other(text: Tokenised, texts: Sequence[Tokenised]) -> Tokenised:
    """A text of as many tokens: its first and last, which may be special ones, and between them those of others."""
    ids, within = text.ids, max(0, len(text.ids) - 2)
    others = [token for one in reversed(texts) if one is not text for token in one.ids] or ids
    between = (others * (1 + within // len(others)))[:within]
    return text._replace(ids=[*ids[:1], *between, *ids[-1:]] if len(ids) > 1 else others[:1])


def _same(run: Run, texts: Sequence[Encoding], alone: Sequence[Mapping[str, Array]]) -> bool:
    """Not, too, where the model does not run on several at once: a graph of one row, say, or a model that knows no
    padding."""
    try:
        together = run(texts)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - of whatever library runs it; alone it has run
        return False
    wanted = {name: np.concatenate([answer[name] for answer in alone]) for name in together}
    return all(alike(array, wanted[name]) for name, array in together.items())


def grouped(
    lengths: Sequence[int], kept: BatchIndependence, padded: Callable[[Sequence[int]], list[list[int]]]
) -> list[list[int]]:
    """Groups rows that run together, by their numbers of tokens; `padded` decides where shorter ones may be padded."""
    if kept == "padded":
        return padded(lengths)
    if kept == "alone":
        return [[row] for row in range(len(lengths))]
    groups: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        groups.setdefault(length, []).append(row)
    return list(groups.values())
