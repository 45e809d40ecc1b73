"""Checks that a declared signature fits what a model was found to take and give, and completes it."""

from collections.abc import Iterable

from msgspec import structs

from bms.core.errors import BmsError, FailedPrecondition, InvalidArgument
from bms.core.tensors.class_names import resolve_class_names
from bms.core.tensors.signature import Signature, TensorSpec, shape_text


def completed_signature(name: str, declared: Signature, found: Signature) -> Signature:
    """Completes `declared` with the outputs and the classes' names of `found` where it says none, and of its columns
    the levels that the model has. It is batched only where both are; a model that takes one row has one row in the
    signature, too. Raises as `check_declared` and `resolve_class_names` do."""
    if declared.batched and not found.batched:
        inputs = tuple(_one_row_where(spec, found) for spec in declared.inputs)
        declared = structs.replace(declared, inputs=inputs, batched=False, method="predict", scores=None)
        found = structs.replace(found, method="predict", scores=None)
    if not declared.batched and not declared.outputs:
        found = structs.replace(found, method="predict", scores=None)
    if not declared.outputs:
        scores = declared.scores or found.scores
        declared = structs.replace(declared, outputs=found.outputs, method=found.method, scores=scores)
    check_declared(name, declared, found)
    if declared.scores is not None and declared.scores == found.scores:
        declared = structs.replace(declared, labels=resolve_class_names(declared.labels, found.labels))
    inputs = with_found(declared.inputs, found)
    predicted = declared.predicted or found.predicted
    return structs.replace(declared, inputs=inputs, params=found.params, predicted=predicted)


def with_found(inputs: Iterable[TensorSpec], found: Signature) -> tuple[TensorSpec, ...]:
    """Completes declared inputs with what only the model knows of them: the levels of columns, the features of
    examples."""
    return tuple(_with_features(_with_levels(spec, found), found) for spec in inputs)


def check_declared(name: str, declared: Signature, found: Signature) -> None:
    """Raises FailedPrecondition naming the first tensor of `declared` that the model can't serve."""
    check_inputs_declared(name, declared, found)
    try:
        for spec in declared.outputs:
            _fits(name, "output", spec, found.output(spec.name))
        if declared.scores is not None:
            declared.output(declared.scores)
    except FailedPrecondition:
        raise
    except BmsError as error:
        raise FailedPrecondition(f"signature {name!r} does not fit the model: {error.message}") from error
    if not declared.outputs:
        raise FailedPrecondition(f"signature {name!r} has no outputs")


def check_inputs_declared(name: str, declared: Signature, found: Signature) -> None:
    """Raises FailedPrecondition naming the first input of `declared` that the model does not take."""
    given = {spec.name for spec in declared.inputs}
    missing = [spec.name for spec in found.inputs if spec.name not in given]
    if missing:
        raise FailedPrecondition(f"signature {name!r} lacks the model's input {missing[0]!r}")
    try:
        for spec in declared.inputs:
            _fits(name, "input", spec, found.input(spec.name))
    except InvalidArgument as error:
        raise FailedPrecondition(f"signature {name!r} does not fit the model: {error.message}") from error


def ask(runtime: str, why: str, takes: Iterable[str] = ()) -> FailedPrecondition:
    """Makes the error that asks a model's maker to declare a signature; `why` says what the format does not describe,
    `takes` what the inputs are called, where it is known."""
    said = " ".join(f"--input '{name} FP32 [-1, 64]'" for name in tuple(takes)[:8] or ("x",))
    return FailedPrecondition(
        f"the signature of this {runtime} model can't be found out: {why}; say what it takes, for example with "
        f"`{said}` (-1 for a free dimension), or in `signatures` of a file bms.json in the artifact"
    )


def _one_row_where(spec: TensorSpec, found: Signature) -> TensorSpec:
    real = next((one for one in found.inputs if one.name == spec.name), spec)
    one_row = spec.shape[:1] == (None,) and real.shape[:1] == (1,)
    return structs.replace(spec, shape=(1, *spec.shape[1:])) if one_row else spec


def _with_levels(spec: TensorSpec, found: Signature) -> TensorSpec:
    own = found.input(spec.name).column
    if spec.column is None or own is None or spec.column.categories or spec.column.type != own.type:
        return spec
    return structs.replace(spec, column=structs.replace(spec.column, categories=own.categories))


def _with_features(spec: TensorSpec, found: Signature) -> TensorSpec:
    own = found.input(spec.name).features
    return spec if spec.features == own else structs.replace(spec, features=own)


def _fits(name: str, what: str, declared: TensorSpec, found: TensorSpec) -> None:
    if declared.dtype != found.dtype:
        raise FailedPrecondition(
            f"signature {name!r} says {what} {declared.name!r} is {declared.dtype}, the model has {found.dtype}"
        )
    if not found.shape:  # a rank the model does not tell
        return
    if len(declared.shape) != len(found.shape) or any(
        have is not None and want != have and (want is not None or what == "input")
        for want, have in zip(declared.shape, found.shape, strict=False)
    ):
        raise FailedPrecondition(
            f"signature {name!r} says {what} {declared.name!r} has shape {shape_text(declared.shape)}, the model has "
            f"{shape_text(found.shape)}"
        )
