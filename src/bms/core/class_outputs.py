"""Which output of a model holds a number for each class, so that the classes' names are its."""

from collections.abc import Sequence
from math import prod

from bms.core.signature import Signature, TensorSpec


def class_labels(signature: Signature, output: str) -> tuple[str, ...]:
    """The names of the classes whose scores an output holds; none where it is not known to hold such."""
    labels = signature.labels
    if signature.scores is not None:
        return labels if signature.scores == output else ()
    return labels if labels and holds_a_number_each(signature.output(output), labels) else ()


def holds_a_number_each(spec: TensorSpec, labels: Sequence[str]) -> bool:
    """Whether an output holds, in each row, as many numbers as there are labels: [rows, 10], or [rows, 10, 1, 1]."""
    row = [size for size in spec.shape[1:] if size is not None]
    whole = bool(row) and len(row) == len(spec.shape) - 1
    return whole and spec.dtype not in ("BYTES", "BOOL") and prod(row) == len(labels)
