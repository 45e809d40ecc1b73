"""Looking at how a model answers, to say of its signature what its file leaves open."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from msgspec import structs

from bms.core.errors import BmsError, FailedPrecondition
from bms.core.signature import Signature, TensorSpec
from bms.core.tensor import Array, dtype_of
from bms.serving.inference.independence import apart
from bms.serving.lifecycle.examples import rows_of
from bms.serving.lifecycle.made_up import (
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
from bms.serving.lifecycle.servable import Servable

_PATIENCE_S = 4.0  # for as many first questions
_FEWEST = 3


class Observed(NamedTuple):
    """`signature` as runs bear it out; `example`: inputs on which the model ran, of several rows where it takes them;
    `apart`: where rows could share a run by their shapes but must not, why; `unknown`: since no example could tell."""

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
) -> Observed:
    """What runs show of `signature`: with the rows of `example` and others like them, else with made-up ones.

    It is batched only if it is said to be and that is proved (`apart`), or where examples could tell nothing and the
    rows are known to be `independent`, since the library takes one after another. A model that runs with one row only
    gets a fixed first dimension. Output types and ranks are those seen; output dimensions that were seen to differ
    become free. Outputs that `signature` leaves out are those seen. Raises FailedPrecondition when not even one row
    runs.
    """
    if not signature.inputs or any(spec.shape[:1] != (None,) for spec in signature.inputs):
        return _whole(servable, name, signature, example, monotonic)
    batched = structs.replace(signature, batched=True)

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        return servable.infer(name, inputs)

    first, rows = _first(servable, name, batched, example, monotonic)
    asked = _that_run(servable, name, first, rows)
    alone = [one.outputs for one in asked]
    joined = _joined(asked)
    reason = apart(run, joined, alone) if signature.batched else None
    if signature.batched and (reason is None or (reason.unknown and independent)):
        return Observed(_seen(batched, [*alone, run(joined)]), joined)
    why = "" if reason is None else reason.why
    try:
        several = run(rows_of(joined, [0, len(asked) - 1, 0]))
    except BmsError:
        taken = _one_row(signature) if signature.batched else signature
        return Observed(_seen(_unbatched(taken), alone), rows_of(joined, [0]), why)
    unknown = reason is not None and reason.unknown
    return Observed(_seen(_unbatched(signature), [*alone, several]), joined, why, unknown)


def runnable(
    servable: Servable, name: str, signature: Signature, example: Mapping[str, Array] | None = None
) -> dict[str, Array]:
    """Inputs on which the model runs. Raises FailedPrecondition where there are none."""
    if example is not None:
        return dict(example)
    return next(_answers(servable, name, signature))[0].inputs


class Answered(NamedTuple):
    inputs: dict[str, Array]
    outputs: dict[str, Array]


def _whole(
    servable: Servable,
    name: str,
    signature: Signature,
    example: Mapping[str, Array] | None,
    monotonic: Callable[[], float],
) -> Observed:
    """Of inputs that have no rows, or a fixed number of them: asked as they are, with several contents."""
    fixed = _unbatched(signature)
    if example is not None:
        return Observed(_seen(fixed, [_run(servable, name, dict(example))]), dict(example))
    first, others = _first(servable, name, fixed, None, monotonic)
    asked = _that_run(servable, name, first, others)
    return Observed(_seen(fixed, [one.outputs for one in asked]), first.inputs)


def _first(
    servable: Servable,
    name: str,
    signature: Signature,
    example: Mapping[str, Array] | None,
    monotonic: Callable[[], float],
) -> tuple[Answered, list[dict[str, Array]]]:
    """The first question that the model answers, and others of its kind, fewer of a slow model. Raises
    FailedPrecondition."""
    if example is not None:
        own = [rows_of(dict(example), [row]) for row in range(min(QUESTIONS, len(next(iter(example.values())))))]
        made = [alike(signature, example, number) for number in range(QUESTIONS)]
        began = monotonic()
        first = Answered(own[0], _run(servable, name, own[0]))
        return first, [*own[1:], *made][: 2 * _worth(monotonic() - began) - 1]
    began = monotonic()
    for first, domain, number in _answers(servable, name, signature):
        worth = _worth(monotonic() - began)
        if worth == QUESTIONS:
            domain = _widest(servable, name, signature, domain)
        numbers = [one for one in range(QUESTIONS) if one != number]
        return first, [question(signature, domain, one) for one in numbers[: worth - 1]]
    raise FailedPrecondition(f"signature {name!r} has no inputs that could be made up")


def _worth(seconds: float) -> int:
    """How many questions to ask of a model that takes so long for one: all of them unless it is slow."""
    return int(min(QUESTIONS, max(_FEWEST, _PATIENCE_S / max(seconds, 1e-9))))


def _answers(servable: Servable, name: str, signature: Signature) -> Iterator[tuple[Answered, Domain, int]]:
    """Made-up questions that the model answers, with their domains and numbers. Raises FailedPrecondition where there
    are none, in the words of the first that it refuses."""
    failure: FailedPrecondition | None = None
    for domain in domains(signature):
        for number in FIRST:
            inputs = question(signature, domain, number)
            try:
                outputs = _run(servable, name, inputs)
            except FailedPrecondition as error:
                failure = failure or error
                continue
            failure = None
            yield Answered(inputs, outputs), domain, number
    if failure is not None:
        raise failure


def _widest(servable: Servable, name: str, signature: Signature, domain: Domain) -> Domain:
    """With as large whole numbers in each input as the model takes."""
    for key in whole_numbers(signature) if signature.batched else ():
        for larger in wider(signature, domain, key):
            try:
                servable.infer(name, question(signature, larger, HIGHEST))
            except BmsError:
                break
            domain = larger
    return domain


def _that_run(servable: Servable, name: str, first: Answered, others: Iterable[dict[str, Array]]) -> list[Answered]:
    """The questions that the model answers: who takes few values refuses some."""
    asked = [first]
    for inputs in others:
        try:
            asked.append(Answered(inputs, servable.infer(name, inputs)))
        except BmsError:
            continue
    return asked


def _joined(asked: Sequence[Answered]) -> dict[str, Array]:
    """Their rows. A mask of what is missing is there for all of them or for none."""
    return {key: np.concatenate([one.inputs[key] for one in asked]) for key in asked[0].inputs}


def _run(servable: Servable, name: str, inputs: dict[str, Array]) -> dict[str, Array]:
    try:
        return servable.infer(name, inputs)
    except BmsError as error:
        shapes = ", ".join(f"{key} {list(array.shape)}" for key, array in inputs.items())
        raise FailedPrecondition(
            f"the model does not run on an example ({shapes}): {error.message}; give one of your own (`--example "
            "FILE`, CSV or JSON) or, if it needs other shapes, declare its signature"
        ) from error


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
    return structs.replace(signature, inputs=fixed)


def _unbatched(signature: Signature) -> Signature:
    return structs.replace(signature, batched=False, method="predict", scores=None)
