"""Computes answers from a transformer's output: one pooled vector of many, probabilities of logits."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bms.core.errors import Internal
from bms.core.tensors.tensor import Array

Floats = npt.NDArray[np.float32]


def pooled(hidden: Floats, mask: npt.NDArray[np.int64], ways: Sequence[str], prompt: int = 0) -> Floats:
    """Pools token vectors: [rows, size] of [rows, tokens, size], padded at the end: by each of the `ways`, side by side
    in their order.

    As sentence-transformers does it: "cls" the first token, "lasttoken" the last, "max", "mean",
    "mean_sqrt_len_tokens" (the sum by the root of their number), "weightedmean" (the nth token counts n times). The
    first `prompt` tokens don't count; of a text that has no others, everything is nought, as it is there.
    """
    counted = mask.copy()
    counted[:, :prompt] = 0
    weights = counted.astype(np.float32)
    rows = np.arange(len(hidden))
    parts: list[Floats] = []
    for way in ways:
        if way == "cls":
            parts.append(hidden[rows, counted.argmax(axis=1)])
        elif way == "lasttoken":
            last = counted.shape[1] - 1 - counted[:, ::-1].argmax(axis=1)
            parts.append(hidden[rows, last] * weights[rows, last][:, None])
        elif way == "max":
            parts.append(np.where(counted[:, :, None] == 0, np.float32(-np.inf), hidden).max(axis=1))
        else:
            scale = weights * np.arange(1, weights.shape[1] + 1, dtype=np.float32) if way == "weightedmean" else weights
            sums = np.einsum("rts,rt->rs", hidden, scale)
            count = np.maximum(scale.sum(axis=1, keepdims=True), np.float32(1e-9))
            parts.append(sums / (np.sqrt(count) if way == "mean_sqrt_len_tokens" else count))
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def normalised(vectors: Floats) -> Floats:
    """Scales each vector to length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    made: Floats = vectors / np.maximum(lengths, np.float32(1e-12))
    return made


class Scores:
    """Converts logits [rows, count] to scores: "classify" by softmax, "tag" by sigmoid, "regress" leaves them alone."""

    def __init__(self, task: str, count: int) -> None:
        self._task = task
        self._count = count

    def __call__(self, logits: Floats) -> dict[str, Array]:
        if logits.ndim != 2 or logits.shape[1] != self._count:
            raise Internal(f"the model gives {list(logits.shape)} for {self._count} labels of config.json")
        if self._task == "regress":
            return {"value": logits}
        if self._task == "tag":
            return {"scores": np.float32(1) / (np.float32(1) + np.exp(-logits))}
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return {"scores": powers / powers.sum(axis=1, keepdims=True)}
