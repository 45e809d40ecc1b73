"""Looking at how a model answers, to say of its signature what its file leaves open."""

from collections.abc import Mapping

import numpy as np
from msgspec import structs

from bms.core.errors import BmsError, FailedPrecondition
from bms.core.signature import Signature, TensorSpec
from bms.core.tensor import Array, dtype_of
from bms.serving.lifecycle.examples import repeated, rows_of, varied
from bms.serving.lifecycle.servable import Servable

_ROWS = 3


def observed(
    servable: Servable, name: str, signature: Signature, example: Mapping[str, Array] | None = None
) -> Signature:
    """`signature` as runs bear it out: with the rows of `example`, else with made-up ones.

    A signature stays batched only if each row's answer is the same alone and in company (within 1e-3); a model that
    runs with one row only gets a fixed first dimension. Output types and ranks are those seen; output dimensions
    that were seen to differ become free. Outputs that `signature` leaves out are those seen. Raises FailedPrecondition
    when not even one row runs.
    """
    if not signature.inputs or any(spec.shape[:1] != (None,) for spec in signature.inputs):
        return _seen(signature, [_run(servable, name, dict(example or varied(signature, 1)))])
    batched = structs.replace(signature, batched=True)
    made = varied(batched, _ROWS) if example is None else repeated(example, _ROWS)
    alone = [_run(servable, name, rows_of(made, [row])) for row in range(_ROWS)]
    try:
        together = servable.infer(name, made)
    except BmsError:
        return _seen(_one_row(signature), alone)
    agree = _rows_agree(alone, together)
    if agree and example is not None and len(next(iter(example.values()))) == 1:
        agree = _made_up_rows_agree(servable, name, batched)  # rows that are the same can't tell
    if not agree:
        return _seen(_unbatched(signature), [*alone, together])
    return _seen(structs.replace(signature, batched=True), [*alone, together])


def _run(servable: Servable, name: str, inputs: dict[str, Array]) -> dict[str, Array]:
    try:
        return servable.infer(name, inputs)
    except BmsError as error:
        shapes = ", ".join(f"{key} {list(array.shape)}" for key, array in inputs.items())
        raise FailedPrecondition(
            f"the model does not run on an example ({shapes}): {error.message}; give one of your own (`--example "
            "FILE`, CSV or JSON) or, if it needs other shapes, declare its signature"
        ) from error


def _made_up_rows_agree(servable: Servable, name: str, signature: Signature) -> bool:
    """True, too, where the model does not run on them."""
    made = varied(signature, _ROWS)
    try:
        alone = [servable.infer(name, rows_of(made, [row])) for row in range(_ROWS)]
        return _rows_agree(alone, servable.infer(name, made))
    except BmsError:
        return True


def _rows_agree(alone: list[dict[str, Array]], together: dict[str, Array]) -> bool:
    for name, array in together.items():
        if array.shape[:1] != (_ROWS,) or any(outputs[name].shape[:1] != (1,) for outputs in alone):
            return False
        for row, outputs in enumerate(alone):
            one, many = outputs[name], array[row : row + 1]
            if one.shape != many.shape:
                return False
            if one.dtype.kind != "f":
                if not np.array_equal(one, many):
                    return False
            elif not np.allclose(one, many, rtol=1e-3, atol=1e-5, equal_nan=True):
                return False
    return True


def _seen(signature: Signature, answers: list[dict[str, Array]]) -> Signature:
    outputs = []
    for spec in signature.outputs or _outputs(signature, answers[0]):
        arrays = [answer[spec.name] for answer in answers]
        shape = arrays[0].shape
        if any(array.ndim != len(shape) for array in arrays):
            raise FailedPrecondition(f"output {spec.name!r} changes its number of dimensions from run to run")
        declared = spec.shape if len(spec.shape) == len(shape) else (None,) * len(shape)
        sizes = [
            size if all(array.shape[axis] == size for array in arrays) else None for axis, size in enumerate(declared)
        ]
        # A size that the file leaves open but that never moved, e.g. the number of classes, is still only a guess.
        if signature.batched and sizes:
            sizes[0] = None
        outputs.append(TensorSpec(name=spec.name, dtype=dtype_of(arrays[0]), shape=tuple(sizes)))
    return structs.replace(signature, outputs=tuple(outputs))


def _outputs(signature: Signature, answer: dict[str, Array]) -> list[TensorSpec]:
    """As seen; sizes count only where no input has one that is free, beside the rows."""
    settled = all(size is not None for spec in signature.inputs for size in spec.shape[1:])
    return [
        TensorSpec(name=name, dtype=dtype_of(array), shape=array.shape if settled else (None,) * array.ndim)
        for name, array in answer.items()
    ]


def _one_row(signature: Signature) -> Signature:
    fixed = tuple(structs.replace(spec, shape=(1, *spec.shape[1:])) for spec in signature.inputs)
    return structs.replace(_unbatched(signature), inputs=fixed)


def _unbatched(signature: Signature) -> Signature:
    return structs.replace(signature, batched=False, method="predict", scores=None)
