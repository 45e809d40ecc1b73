"""Signatures: a model's inputs and outputs as named tensors with types and shapes, free dimensions as None."""

from typing import Literal

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.tensors.columns import Column, ColumnType, Level, dtype_of_column, mask_name
from bms.core.tensors.features import Feature
from bms.core.tensors.parameters import Parameter
from bms.core.tensors.predicted import Predicted
from bms.core.tensors.sequences import SequenceLimits
from bms.core.tensors.tensor import NUMPY, DType, Tensor

DEFAULT = "serving_default"
EXPLAIN = "explain"  # of a model that explains its answers: the same inputs, its explanations
ImageFormat = Literal["NCHW", "NHWC"]
MATRIX = "matrix"  # of a table of numbers: its columns side by side, for who sends arrays, which have no names


class TensorSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One named tensor; `None` in `shape` is a free dimension. The first dimension of a batched one is free.

    `format` says how images lie in an input [rows, …]; an `optional` input may be left out of a request. With a
    `column` it is one of a table's: one value a row. With `features` its rows are serialized `tf.train.Example`s, of
    which these are read; none where it is not known which.
    """

    name: str
    dtype: DType
    shape: tuple[int | None, ...]
    column: Column | None = None
    features: tuple[Feature, ...] | None = None
    format: ImageFormat | None = None
    optional: bool = False


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to call a model.

    `method` says which TF Serving verbs apply; with "classify", `scores` names the output that holds one
    probability per class, and `labels` (when known) names the classes in the order of its last dimension. More rows
    than `max_batch_size` are neither taken nor run together; 0: as many as come. One that `streams` answers part by
    part; one with `sequences` keeps something from one request of a sequence to the next. `params` are what a request
    may say beside its inputs; `predicted` is what the library's own `predict` answers, where that is known to be
    something else than all outputs.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...] = ()  # none only where they are still to be found out
    batched: bool = True
    method: Literal["predict", "classify", "regress"] = "predict"
    scores: str | None = None
    labels: tuple[str, ...] = ()
    max_batch_size: int = 0
    streams: bool = False
    sequences: SequenceLimits | None = None
    params: tuple[Parameter, ...] = ()
    predicted: Predicted | None = None

    def input(self, name: str) -> TensorSpec:
        for spec in self.inputs:
            if spec.name == name:
                return spec
        raise InvalidArgument(f"no input {name!r}: this model takes {_names(self.inputs)}")

    def output(self, name: str) -> TensorSpec:
        for spec in self.outputs:
            if spec.name == name:
                return spec
        raise InvalidArgument(f"no output {name!r}: this model gives {_names(self.outputs)}")


def check_inputs(signature: Signature, tensors: list[Tensor]) -> int:
    """Returns the number of rows if `tensors` fit the signature exactly; 1 where it is not batched.

    Beside the columns of a table there may be masks of what is missing. Raises InvalidArgument naming the first tensor
    that is missing, extra, or of the wrong type or shape.
    """
    if count := usual_rows(signature, tensors):
        return count
    rows: int | None = None
    given = {tensor.name: tensor for tensor in tensors}
    if len(given) != len(tensors):
        raise InvalidArgument("an input is given twice")
    for spec in signature.inputs:
        tensor = given.pop(spec.name, None)
        if tensor is None:
            if spec.optional:
                continue
            raise InvalidArgument(
                f"input {spec.name!r} is missing: this model takes {_names(signature.inputs)}{_serialized(spec)}"
            )
        shape = tensor.array.shape
        if tensor.dtype != spec.dtype:
            raise InvalidArgument(f"input {spec.name!r} is {tensor.dtype}, expected {spec.dtype}")
        if not fits(shape, spec.shape):
            raise InvalidArgument(f"input {spec.name!r} has shape {list(shape)}, expected {shape_text(spec.shape)}")
        if signature.batched:
            if rows is not None and rows != shape[0]:
                raise InvalidArgument(f"inputs disagree on the number of rows: {rows} and {shape[0]}")
            rows = shape[0]
        if spec.column is not None and given and (mask := given.pop(mask_name(spec.name), None)) is not None:
            check_mask(spec, mask, shape[0])
    if given:
        raise InvalidArgument(f"unknown input {next(iter(given))!r}: this model takes {_names(signature.inputs)}")
    if rows == 0:
        raise InvalidArgument("the request has no rows: send at least one")
    return 1 if rows is None else rows


def usual_rows(signature: Signature, tensors: list[Tensor]) -> int:
    """Returns the number of rows of the commonest call, one tensor for the one input of a batched signature that is no
    table, if it fits; 0 for all that needs a closer check."""
    specs = signature.inputs
    if len(specs) == 1 == len(tensors) and signature.batched:
        spec, (name, array) = specs[0], tensors[0]
        shape = array.shape
        if (
            name == spec.name
            and array.dtype is NUMPY[spec.dtype]
            and shape
            and fits(shape, spec.shape)
            and spec.column is None
        ):
            rows: int = shape[0]
            return rows
    return 0


def is_table(signature: Signature) -> bool:
    """Whether the inputs are the columns of a table."""
    return bool(signature.inputs) and signature.inputs[0].column is not None


def check_mask(spec: TensorSpec, mask: Tensor, rows: int) -> None:
    """Raises InvalidArgument unless `mask` is a BOOL tensor of so many rows, for column `spec`."""
    if mask.dtype != "BOOL" or mask.array.shape != (rows,):
        raise InvalidArgument(
            f"input {mask.name!r} is {mask.dtype} {list(mask.array.shape)}, expected BOOL [{rows}]: true where column "
            f"{spec.name!r} has no value"
        )


def fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    """Whether a shape fits a wanted one, where None is any size."""
    if len(shape) != len(wanted):
        return False
    for have, want in zip(shape, wanted, strict=True):  # noqa: SIM110 - every request comes by here
        if want is not None and want != have:
            return False
    return True


def column_spec(
    name: str,
    type: ColumnType,
    *,
    dtype: DType | None = None,
    optional: bool = False,
    categories: tuple[Level, ...] = (),
) -> TensorSpec:
    """Makes the spec of a table's column, in the usual data type of its type unless another is given."""
    column = Column(type=type, optional=optional, categories=categories)
    return TensorSpec(name=name, dtype=dtype or dtype_of_column(column), shape=(None,), column=column)


def shape_text(shape: tuple[int | None, ...]) -> str:
    """Formats a shape for people, free dimensions as -1, e.g. `[-1, 64]`."""
    return str([-1 if size is None else size for size in shape])


def _serialized(spec: TensorSpec) -> str:
    """Returns a hint for clients that sent features, which not every protocol serializes."""
    if spec.features is None:
        return ""
    told = "send those, or their features as JSON to :predict, :classify or :regress"
    return f", which are serialized tf.train.Examples: {told}"


def _names(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(repr(spec.name) for spec in specs)
