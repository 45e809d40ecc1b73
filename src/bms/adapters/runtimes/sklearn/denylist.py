"""Converts an estimator's refusal of rows to an error for the caller, which names the likely column."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bms.adapters.runtimes.sklearn.columns import MAX_LEVELS
from bms.core.errors import InvalidArgument
from bms.core.tensors.columns import mask_name
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Array
from bms.serving.inference.reasons import reason


def refused(error: Exception, signature: Signature, inputs: Mapping[str, Array]) -> InvalidArgument:
    """Makes the error. Of a table: scikit-learn counts columns within one of its steps, so the likely ones are looked
    for here."""
    words = f"the estimator could not run on these inputs: {reason(error)}"
    return InvalidArgument("; ".join([words, *_blamed(str(error), signature, inputs)][:4]))


def _blamed(words: str, signature: Signature, inputs: Mapping[str, Array]) -> Iterator[str]:
    columns = [spec for spec in signature.inputs if spec.column is not None and spec.name in inputs]
    if "nknown categor" in words:
        for spec in columns:
            yield from _unlearnt(words, spec, inputs)
    elif "NaN" in words or "nan" in words or "missing" in words:
        for spec in columns:
            gaps = _gaps(spec, inputs)
            if gaps.any() and (spec.dtype == "BYTES" or "document" not in words):
                yield f"column {spec.name!r}, row {int(np.argmax(gaps))}: there is no value"
    elif "infinity" in words or "too large" in words:
        for spec in columns:
            array: Any = inputs[spec.name]
            if array.dtype.kind == "f" and np.isinf(array).any():
                yield f"column {spec.name!r}, row {int(np.argmax(np.isinf(array)))}: {array[np.isinf(array)][0]}"


def _unlearnt(words: str, spec: TensorSpec, inputs: Mapping[str, Array]) -> Iterator[str]:
    known = spec.column.categories if spec.column is not None else ()
    if not known or len(known) == MAX_LEVELS:  # there may be more than were kept
        return
    gaps = _gaps(spec, inputs)
    for row, value in enumerate(inputs[spec.name].tolist()):
        level = value.decode(errors="replace") if isinstance(value, bytes) else value
        if str("nan" if gaps[row] else level) in words and (gaps[row] or level not in known):
            what = "no value" if gaps[row] else repr(level)[:80]
            shown = ", ".join(repr(one)[:40] for one in known[:10])
            yield f"column {spec.name!r}, row {row}: {what}, fitted on were {shown}{' …' if len(known) > 10 else ''}"
            return


def _gaps(spec: TensorSpec, inputs: Mapping[str, Array]) -> Any:
    mask = inputs.get(mask_name(spec.name))
    if mask is not None:
        return mask
    array: Any = inputs[spec.name]
    return np.isnan(array) if array.dtype.kind == "f" else np.zeros(len(array), dtype=np.bool_)
