"""How well a deployment classifies rows that its model was not trained on: just as its library does."""

from pathlib import Path

import numpy as np

from tests.frameworks.agreement import Answers, ask_triton


def classifies_alike(platform: Answers, name: str, expected: Path, given: str, scores: str) -> None:
    """`expected` holds the rows `given`, their classes `y`, and the library's `scores` of them."""
    with np.load(expected) as arrays:
        rows, classes, own = arrays[given], arrays["y"], arrays[scores]
    told = ask_triton(platform, name, {given: rows}, "binary")[scores]
    right = np.mean(own.argmax(1) == classes)
    assert right > 0.8, f"the library itself is right in {right:.0%} only"
    assert np.mean(told.argmax(1) == classes) == right
