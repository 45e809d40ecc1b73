"""Completes a signature by running the model: types, free dimensions and whether rows may share a run, where the file
does not say."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from msgspec import structs

from bms.core.errors import BmsError, FailedPrecondition
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Array, dtype_of
from bms.serving.inference.row_independence import find_row_dependence
from bms.serving.lifecycle.examples import rows_of
from bms.serving.lifecycle.servable import Servable
from bms.serving.lifecycle.synthetic_rows import (
    FIRST,
    HIGHEST,
    QUESTIONS,
    Domain,
    alike,
    domains,
    question,
    whole_numbers,
    wider,
)
from bms.serving.lifecycle.unusual_rows import UnusualRow, unusual_rows

_PATIENCE_S = 4.0  # for as many first questions
_FEWEST = 3


class ObservedSignature(NamedTuple):
    """A signature as runs of the model confirm it. `example`: inputs on which the model ran, of several rows where it
    is batched; `apart`: where rows could share a run by their shapes but must not, why; `unknown`: since no example
    could tell."""

    signature: Signature
    example: dict[str, Array]
    apart: str = ""
    unknown: bool = False


def observed(
    servable: Servable,
    name: str,
    signature: Signature,
    example: Mapping[str, Array] | None = None,
    *,
    monotonic: Callable[[], float],
    independent: bool = False,
    gentle: bool = False,
    bounded: bool = False,
) -> ObservedSignature:
    """Runs the model to complete `signature`: with the rows of `example` and others like them, else with synthetic
    ones.

    It is batched only if it is said to be and that is proved (`find_row_dependence`), or where examples could tell
    nothing and the rows are known to be `independent`, since the library takes one after another. A model that runs
    with one row only gets a fixed first dimension. Output types and ranks are those seen; output dimensions that were
    seen to differ become free. Outputs that `signature` leaves out are those seen. `gentle`: for a library that checks
    no inputs, synthetic floats are from 0 to 1. `bounded`: no other magnitudes than those of `example` are sent.

    Raises FailedPrecondition when not even one row runs.
    """
    model = _Model(servable, name, monotonic, gentle)
    if not signature.inputs or any(spec.shape[:1] != (None,) for spec in signature.inputs):
        return _whole(model, signature, example)
    batched = structs.replace(signature, batched=True)
    first, rows = _first(model, batched, example, bounded=bounded)
    asked = _that_run(model, first, rows)
    alone = [one.outputs for one in asked]
    joined = _joined(asked)
    reason = (
        find_row_dependence(model.run, joined, alone, _unusual(model, signature, joined, len(asked)))
        if signature.batched
        else None
    )
    if signature.batched and (reason is None or (reason.unknown and independent)):
        return ObservedSignature(_with_outputs(batched, [*alone, model.run(joined)]), joined)
    why = "" if reason is None else reason.why
    try:
        several = model.run(rows_of(joined, [0, len(asked) - 1, 0]))
    except BmsError:
        taken = _one_row(signature) if signature.batched else signature
        return ObservedSignature(_with_outputs(_unbatched(taken), alone), rows_of(joined, [0]), why)
    unknown = reason is not None and reason.unknown
    return ObservedSignature(
        _with_outputs(_unbatched(signature), [*alone, several]), rows_of(joined, [0]), why, unknown
    )


def runnable(servable: Servable, name: str, signature: Signature, *, gentle: bool = False) -> dict[str, Array]:
    """Returns synthetic inputs on which the model runs. Raises FailedPrecondition where there are none."""
    return next(_answers(_Model(servable, name, lambda: 0.0, gentle), signature))[0].inputs


class _Model(NamedTuple):
    """Calls signature `name` of a servable; carries how the inputs may be made up."""

    servable: Servable
    name: str
    monotonic: Callable[[], float]
    gentle: bool

    def run(self, inputs: dict[str, Array]) -> dict[str, Array]:
        return self.servable.infer(self.name, inputs)


class _Answered(NamedTuple):
    inputs: dict[str, Array]
    outputs: dict[str, Array]


def _whole(model: _Model, signature: Signature, example: Mapping[str, Array] | None) -> ObservedSignature:
    """Observes a model without rows, or with a fixed number: called with several contents."""
    fixed = _unbatched(signature)
    if example is not None:
        return ObservedSignature(_with_outputs(fixed, [_run(model, dict(example))]), dict(example))
    first, others = _first(model, fixed, None)
    asked = _that_run(model, first, others)
    return ObservedSignature(_with_outputs(fixed, [one.outputs for one in asked]), first.inputs)


def _first(
    model: _Model, signature: Signature, example: Mapping[str, Array] | None, *, bounded: bool = False
) -> tuple[_Answered, list[dict[str, Array]]]:
    """Returns the first synthetic inputs that the model answers, and others of their kind, fewer of a slow model.
    Raises FailedPrecondition."""
    began = model.monotonic()
    if example is not None:
        own = [rows_of(dict(example), [row]) for row in range(min(QUESTIONS, len(next(iter(example.values())))))]
        made = [alike(signature, example, number, gentle=model.gentle or bounded) for number in range(QUESTIONS)]
        first = _Answered(own[0], _run(model, own[0]))
        return first, [*own[1:], *made][: 2 * _worth(model.monotonic() - began) - 1]
    first, domain, number = next(_answers(model, signature))
    worth = _worth(model.monotonic() - began)
    if worth == QUESTIONS:
        domain = _widest(model, signature, domain)
    numbers = [one for one in range(QUESTIONS) if one != number]
    return first, [question(signature, domain, one) for one in numbers[: worth - 1]]


def _worth(seconds: float) -> int:
    """Returns how many inputs to try of a model that takes so long for one: all of them unless it is slow."""
    return int(min(QUESTIONS, max(_FEWEST, _PATIENCE_S / max(seconds, 1e-9))))


def _answers(model: _Model, signature: Signature) -> Iterator[tuple[_Answered, Domain, int]]:
    """Yields synthetic inputs that the model answers, with their domains and numbers; last those to which it gives
    empty answers, as some libraries do where a picture is smaller than a kernel. Raises FailedPrecondition where there
    are none, with the model's first error."""
    failure: FailedPrecondition | None = None
    silent: list[tuple[_Answered, Domain, int]] = []
    for domain in domains(signature, gentle=model.gentle):
        for number in FIRST:
            inputs = question(signature, domain, number)
            try:
                outputs = _run(model, inputs)
            except FailedPrecondition as error:
                failure = failure or error
                continue
            found = _Answered(inputs, outputs), domain, number
            if any(array.size for array in outputs.values()):
                yield found
            else:
                silent.append(found)
    yield from silent
    if failure is not None:
        raise failure


def _widest(model: _Model, signature: Signature, domain: Domain) -> Domain:
    """Widens the domain to as large whole numbers in each input as the model takes."""
    for key in whole_numbers(signature) if signature.batched else ():
        for larger in wider(signature, domain, key):
            try:
                model.run(question(signature, larger, HIGHEST))
            except BmsError:
                break
            domain = larger
    return domain


def _that_run(model: _Model, first: _Answered, others: Iterable[dict[str, Array]]) -> list[_Answered]:
    """Returns the inputs that the model answers: one that takes few values refuses some."""
    asked = [first]
    for inputs in others:
        try:
            asked.append(_Answered(inputs, model.run(inputs)))
        except BmsError:
            continue
    return asked


def _unusual(model: _Model, signature: Signature, rows: dict[str, Array], most: int) -> Iterator[UnusualRow]:
    """Returns unusual rows to run beside the others; none for a library that checks no inputs."""
    return iter(()) if model.gentle else islice(unusual_rows(signature, rows_of(rows, [0])), most)


def _joined(asked: Sequence[_Answered]) -> dict[str, Array]:
    """Joins their rows. A mask of what is missing is there for all of them or for none."""
    return {key: np.concatenate([one.inputs[key] for one in asked]) for key in asked[0].inputs}


def _run(model: _Model, inputs: dict[str, Array]) -> dict[str, Array]:
    try:
        return model.run(inputs)
    except BmsError as error:
        shapes = ", ".join(f"{key} {list(array.shape)}" for key, array in inputs.items())
        raise FailedPrecondition(
            f"the model does not run on an example ({shapes}): {error.message}; give one of your own (`--example "
            "FILE`, CSV or JSON) or, if it needs other shapes, declare its signature"
        ) from error


def _with_outputs(signature: Signature, answers: list[dict[str, Array]]) -> Signature:
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
    """Returns the outputs as observed; sizes count only where no input has a free one, beside the rows."""
    settled = all(size is not None for spec in signature.inputs for size in spec.shape[1:])
    return [
        TensorSpec(name=name, dtype=dtype_of(array), shape=array.shape if settled else (None,) * array.ndim)
        for name, array in answer.items()
    ]


def _one_row(signature: Signature) -> Signature:
    fixed = tuple(structs.replace(spec, shape=(1, *spec.shape[1:])) for spec in signature.inputs)
    return structs.replace(signature, inputs=fixed)


def _unbatched(signature: Signature) -> Signature:
    return structs.replace(signature, batched=False, method="predict", scores=None)
