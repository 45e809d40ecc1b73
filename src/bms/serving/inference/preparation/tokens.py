"""Token ids as models take them: texts encoded, padded to one length, with a mask that says which ids are padding."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from bms.core.errors import InvalidArgument
from bms.core.tensors.tensor import Array

MAX_BYTES = 1 << 20  # of one text: it is tokenised whole before it is cut
_WORTH = 64  # tokens of padding
Ids = npt.NDArray[np.int64]
SAMPLES = (  # of unequal length, and of more than one script: what a model of texts is tried with
    "yes",
    "A small ship passes the old bridge.",
    "In 2024, 17 of them were seen again: who would have thought it, even so late in the year?",
    "老师喜欢这本书。",
)


class Encoding(Protocol):
    """One encoded text: its token ids and, as long, the segments they belong to."""

    @property
    def ids(self) -> list[int]: ...

    @property
    def type_ids(self) -> list[int]: ...


class Tokenizer(Protocol):
    """The port to tokenizers. Contract: `encode` gives an encoding for each text, special tokens included, cut at the
    length that it was opened with, not padded. It may be called from several threads at once. `pad` is the id that
    fills up, None: none is known; `unread` what its files say that nobody here knows (`PartlyRead`)."""

    @property
    def pad(self) -> int | None: ...

    @property
    def unread(self) -> tuple[str, ...]: ...

    def encode(self, texts: list[str]) -> Sequence[Encoding]: ...


class Tokens(NamedTuple):
    """Padded token ids of several texts. Each array is int64 [rows, length]; `mask` is 1 for tokens and 0 for padding,
    which is always at the end."""

    ids: Ids
    mask: Ids
    types: Ids


def texts_of(array: Array) -> list[str]:
    """Decodes BYTES [rows] as UTF-8. Raises InvalidArgument naming the first one, from 1, that is no UTF-8 or too
    long."""
    texts = []
    for number, content in enumerate(array.tolist(), start=1):
        if len(content) > MAX_BYTES:
            raise InvalidArgument(
                f"text {number} of {len(array)}: {len(content)} bytes are more than a text may have ({MAX_BYTES})"
            )
        try:
            texts.append(content.decode())
        except UnicodeDecodeError as error:
            raise InvalidArgument(
                f"text {number} of {len(array)}: byte {error.start} is not UTF-8, which texts must be"
            ) from error
    return texts


def by_length(lengths: Sequence[int]) -> list[list[int]]:
    """Groups rows by length, longest first, to save padding: rows at most half as long as their group's longest go into
    another group, where that is worth a run."""
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    groups = [order[:1]]
    for place, row in enumerate(order[1:], start=1):
        longest = lengths[groups[-1][0]]
        saved = sum(longest - lengths[other] for other in order[place:]) if 2 * lengths[row] <= longest else 0
        if saved >= _WORTH:
            groups.append([row])
        else:
            groups[-1].append(row)
    return groups


def alike(given: Array, wanted: Array) -> bool:
    """Whether two answers are equal but for what the order of sums in FP32 changes."""
    if given.shape != wanted.shape:
        return False
    if given.dtype.kind != "f":
        return bool(np.array_equal(given, wanted))
    scale = float(np.abs(wanted).max(initial=0))
    return bool(np.allclose(given, wanted, rtol=1e-3, atol=1e-5 * scale, equal_nan=True))


def padded(encodings: Sequence[Encoding], pad: int, *, multiple: int = 1, length: int | None = None) -> Tokens:
    """Pads all to the longest, rounded up to a `multiple`; or to exactly `length`, which none may exceed."""
    lists = [encoding.ids for encoding in encodings]
    if length is None:
        longest = max(1, max(map(len, lists)))
        length = -(-longest // multiple) * multiple
    ids = np.full((len(lists), length), pad, dtype=np.int64)
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    for row, (encoding, one) in enumerate(zip(encodings, lists, strict=True)):
        count = len(one)
        ids[row, :count] = one
        mask[row, :count] = 1
        types[row, :count] = encoding.type_ids
    return Tokens(ids, mask, types)
