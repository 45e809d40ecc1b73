"""The forms of input of boosted trees: their features side by side, or, where these have names, as the columns of a
table."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from msgspec import structs

from bms.adapters.runtimes.trees.hashed import HashedRows
from bms.adapters.runtimes.trees.rows import TableRows
from bms.core.errors import FailedPrecondition
from bms.core.tensors.columns import Level, dtype_of_column, fits_column
from bms.core.tensors.signature import DEFAULT, MATRIX, Signature, TensorSpec, column_spec
from bms.core.tensors.tensor import Array, DType
from bms.core.workloads.programs import ServableConfig

INPUT = "x"


class BoosterFeatures(NamedTuple):
    """The features in a booster's file, in their order.

    `columns`: one each, numbers and categories with their levels, where they have names. `unclear`: the message where
    the meaning of some of their values is unknown; `levels` then are those of categories, in order, where only their
    columns are not known. `widened`: types of numbers that may be declared side by side, too, and lose nothing.
    """

    total: int
    dtype: DType  # of numbers
    columns: tuple[TensorSpec, ...] = ()
    unseen_is_missing: bool = False  # a value that is no level of its category; else it is refused
    unclear: str = ""
    levels: tuple[tuple[Level, ...], ...] = ()
    widened: tuple[DType, ...] = ()
    hashed: bool = False


class Form(Protocol):
    """One form of input: inputs as the signature has them, converted to [rows, features]."""

    inputs: tuple[TensorSpec, ...]

    def rows(self, inputs: Mapping[str, Array]) -> Array: ...


class Matrix:
    """The form of one input `x`, all features side by side; categories among them as the codes that training gave
    them."""

    def __init__(self, features: BoosterFeatures, dtype: DType) -> None:
        spec = TensorSpec(name=INPUT, dtype=dtype, shape=(None, features.total))
        self.inputs: tuple[TensorSpec, ...] = (spec,)

    def rows(self, inputs: Mapping[str, Array]) -> Array:
        return inputs[INPUT]


class NamedColumnsForm:
    """The form of an input for each feature, joined by name."""

    def __init__(
        self, features: BoosterFeatures, columns: tuple[TensorSpec, ...], inputs: tuple[TensorSpec, ...]
    ) -> None:
        """`columns`: the features in their order. `inputs`: the same as the signature has them."""
        self.inputs = inputs
        self._rows = (
            HashedRows(columns, features.dtype)
            if features.hashed
            else TableRows(columns, features.dtype, unseen_is_missing=features.unseen_is_missing)
        )

    def rows(self, inputs: Mapping[str, Array]) -> Array:
        return self._rows.of(inputs)


def usual_forms(features: BoosterFeatures) -> dict[str, Form]:
    """The forms used if nothing is declared, by the signatures' names: by its columns, and numbers alone side by side,
    too, as MATRIX; without names just so. Raises FailedPrecondition where something is unclear."""
    if features.unclear:
        raise FailedPrecondition(features.unclear)
    if not features.columns:
        return {DEFAULT: Matrix(features, features.dtype)}
    table = NamedColumnsForm(features, features.columns, features.columns)
    numbers = all(spec.column is not None and spec.column.type == "number" for spec in features.columns)
    return {DEFAULT: table, MATRIX: Matrix(features, features.dtype)} if numbers else {DEFAULT: table}


def declared_forms(signatures: Mapping[str, Signature], features: BoosterFeatures) -> dict[str, Form]:
    """The form that each declared signature asks for: side by side if it takes `x` of two dimensions, else by column.

    Raises FailedPrecondition naming the first column that can't be what it is declared to be.
    """
    return {name: _form(name, signature.inputs, features) for name, signature in signatures.items()}


def with_found_columns(config: ServableConfig, forms: Mapping[str, Form]) -> ServableConfig:
    """Completes the tables of `config` with all that their columns were found to be: levels, and the type that goes
    with these or that the booster computes in, unless another one was asked for."""
    full = dict(config.signatures)
    for name, signature in config.signatures.items():
        known = {spec.name: spec for spec in forms[name].inputs}
        inputs = tuple(_filled(spec, known.get(spec.name)) for spec in signature.inputs)
        full[name] = structs.replace(signature, inputs=inputs)
    return structs.replace(config, signatures=full)


def _filled(spec: TensorSpec, known: TensorSpec | None) -> TensorSpec:
    if spec.column is None or known is None:
        return spec
    usual = spec.dtype == dtype_of_column(spec.column)
    return structs.replace(spec, dtype=known.dtype if usual else spec.dtype, column=known.column)


def _form(signature: str, inputs: tuple[TensorSpec, ...], features: BoosterFeatures) -> Form:
    given = {spec.name: spec for spec in inputs}
    side_by_side = len(inputs) == 1 and inputs[0].name == INPUT and len(inputs[0].shape) == 2
    if side_by_side or not features.columns:
        own = given[INPUT].dtype if INPUT in given else features.dtype
        return Matrix(features, own if own in features.widened else features.dtype)
    if set(given) != {spec.name for spec in features.columns}:
        return NamedColumnsForm(
            features, features.columns, features.columns
        )  # whose check will say what is wrong with the names
    levels = _levels(signature, inputs, features)
    settled = []
    for known in features.columns:
        spec = given[known.name]
        if spec.column is None:
            settled.append(known)
        elif features.hashed and known.column is not None and known.column.type != "number":
            settled.append(_hashed(signature, spec, known))
        elif spec.column.type == "category":
            settled.append(_category(signature, spec, known, levels))
        else:
            settled.append(_number(signature, spec, known, features.dtype))
    columns = tuple(settled)
    shown = (spec if given[spec.name].column is not None else structs.replace(spec, column=None) for spec in columns)
    return NamedColumnsForm(features, columns, tuple(shown))


def _levels(signature: str, inputs: tuple[TensorSpec, ...], features: BoosterFeatures) -> Iterator[tuple[Level, ...]]:
    categories = [spec.name for spec in inputs if spec.column is not None and spec.column.type == "category"]
    if categories and features.levels and len(categories) != len(features.levels):
        raise FailedPrecondition(
            f"signature {signature!r} declares the categories {', '.join(map(repr, categories))}, the model was "
            f"trained on {len(features.levels)}, of these levels: {'; '.join(map(_few, features.levels))}"
        )
    return iter(features.levels)


def _hashed(signature: str, spec: TensorSpec, known: TensorSpec) -> TensorSpec:
    """A category as its maker says that training had it, or a text."""
    assert spec.column is not None
    assert known.column is not None
    kinds = ("category", "text", "integer", "boolean") if known.column.type == "category" else ("text",)
    if spec.column.type not in kinds:
        raise FailedPrecondition(
            f"signature {signature!r} declares column {spec.name!r} as {spec.column.type}, the model takes a "
            f"{known.column.type}, which may be declared as {' or '.join(kinds)}"
        )
    return spec


def _category(signature: str, spec: TensorSpec, known: TensorSpec, levels: Iterator[tuple[Level, ...]]) -> TensorSpec:
    assert spec.column is not None
    assert known.column is not None
    own = known.column.categories or next(levels, ()) or spec.column.categories
    if not own:
        raise FailedPrecondition(
            f"signature {signature!r} declares column {spec.name!r} as a category, of which the model does not keep "
            f"the levels: say them in the order of their codes, --column '{spec.name} category[…, …]'"
        )
    if spec.column.categories not in ((), own):
        raise FailedPrecondition(
            f"signature {signature!r} declares column {spec.name!r} with the levels {_few(spec.column.categories)}, "
            f"the model was trained on {_few(own)}"
        )
    return column_spec(spec.name, "category", optional=spec.column.optional, categories=own)


def _number(signature: str, spec: TensorSpec, known: TensorSpec, dtype: DType) -> TensorSpec:
    assert spec.column is not None
    assert known.column is not None
    kind = spec.column.type
    if known.column.type == "category" or kind not in ("number", "integer", "boolean"):
        levels = f" of {_few(known.column.categories)}" if known.column.categories else ""
        raise FailedPrecondition(
            f"signature {signature!r} declares column {spec.name!r} as {kind}, the model takes a "
            f"{known.column.type}{levels}"
        )
    if kind != "number" and fits_column(spec.column, spec.dtype):
        dtype = spec.dtype
    return column_spec(spec.name, kind, dtype=dtype, optional=spec.column.optional)


def _few(levels: tuple[Level, ...]) -> str:
    shown = ", ".join(map(repr, levels[:10]))
    return shown + (f" and {len(levels) - 10} more" if len(levels) > 10 else "")
