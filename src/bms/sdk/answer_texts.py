"""Texts that a model answers with, as `str` on every wire."""

from base64 import b64decode

import numpy as np

from bms.core.tensor import Array


def as_texts(array: Array) -> Array:
    """An array of texts or bytes as one of `str`, or, where any element is no UTF-8, of `bytes`; others as they are."""
    if array.dtype.kind not in "OUS":
        return array
    items = [_plain(item) for item in array.ravel().tolist()]
    try:
        told: list[object] = [item.decode() if isinstance(item, bytes) else item for item in items]
    except UnicodeDecodeError:
        told = [item.encode() if isinstance(item, str) else item for item in items]
    texts = np.empty(len(told), dtype=object)
    texts[:] = told
    return texts.reshape(array.shape)


def _plain(item: object) -> object:
    """Bytes where JSON has them as `{"b64": "…"}`."""
    if isinstance(item, dict) and set(item) == {"b64"}:
        return b64decode(item["b64"])
    return item
