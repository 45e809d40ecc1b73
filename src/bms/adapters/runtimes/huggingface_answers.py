"""From what a transformer gives to what is asked of it: one vector of many, probabilities of logits."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bms.core.errors import Internal
from bms.core.tensor import Array

Floats = npt.NDArray[np.float32]


def pooled(hidden: Floats, mask: npt.NDArray[np.int64], ways: Sequence[str]) -> Floats:
    """[rows, size] of [rows, tokens, size]: by each of the ways "cls", "max", "mean", side by side in that order."""
    parts = []
    if "cls" in ways:
        parts.append(hidden[:, 0])
    if "max" in ways:
        parts.append(np.where(mask[:, :, None] == 0, np.float32(-1e9), hidden).max(axis=1))
    if "mean" in ways:
        weights = mask.astype(np.float32)
        sums = np.einsum("rts,rt->rs", hidden, weights)
        parts.append(sums / np.maximum(weights.sum(axis=1, keepdims=True), np.float32(1e-9)))
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def normalised(vectors: Floats) -> Floats:
    """Each of length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    made: Floats = vectors / np.maximum(lengths, np.float32(1e-12))
    return made


class Scores:
    """Probabilities of logits [rows, count]: "classify" by softmax, "tag" by sigmoid, "regress" leaves them alone."""

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
