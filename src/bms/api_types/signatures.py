"""Signatures: the tensors or columns that a model takes and gives; a part of versions."""

from typing import Annotated

import msgspec

Level = str | int | float | bool
ColumnType = Annotated[
    str,
    msgspec.Meta(extra_json_schema={"enum": ["boolean", "category", "datetime", "integer", "json", "number", "text"]}),
]
DType = Annotated[
    str,
    msgspec.Meta(
        extra_json_schema={
            "enum": [
                *("BOOL", "BYTES", "FP16", "FP32", "FP64", "INT16", "INT32", "INT64", "INT8"),
                *("UINT16", "UINT32", "UINT64", "UINT8"),
            ]
        }
    ),
]
FeatureType = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["BYTES", "FP32", "INT64"]})]
Form = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["columns", "lists", "numbered", "records", "value"]})]
ImageFormat = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["NCHW", "NHWC"]})]
Method = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["classify", "predict", "regress"]})]
ParameterType = Annotated[
    str,
    msgspec.Meta(extra_json_schema={"enum": ["boolean", "datetime", "integer", "number", "object", "text"]}),
]


class Column(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The type of a column's values.

    An `optional` column may be left out of a request, which is as if all its values were missing. Of an `unread` one no
    step of the model looks at the values: whatever is sent there, the model gets none. A `nameless` one is alone, and
    rows that carry no names are its values. `categories` are the levels that training saw, in its order; a value that
    is none of them is for the model to take or to refuse. Texts are UTF-8, date-times ISO 8601. A value of type `json`
    is any that JSON can write, as its text.
    """

    type: ColumnType
    optional: bool = False
    unread: bool = False
    nameless: bool = False
    categories: tuple[Level, ...] = ()


class Feature(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One feature of serialized examples. `size` is how many values of it an example holds; None: any number, none
    too."""

    name: str
    dtype: FeatureType
    size: int | None = None


class TensorSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
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


class SequenceLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of stateful sequences: how many a replica keeps, and after how many idle seconds one is dropped."""

    most: int = 1024
    idle_s: float = 60.0


class Parameter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A parameter of a signature, and its default. With `many` it is a list of such values.

    The default of an object is its JSON.
    """

    name: str
    type: ParameterType
    default: bool | int | float | str | tuple[bool | int | float | str | None, ...] | None = None
    many: bool = False


class Predicted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the answer of the model's own `predict` is composed of the signature's `outputs` (none: of all of them);
    `names` what it calls them, none: what they are called.

    The form is one output's `value`; `records`, a frame's rows with its columns' names; `columns`, an array by each
    name; `numbered`, a frame whose columns are numbered from 0; `lists`, each value of one output in a list of its
    own. Of a `column`, it is that of the only output's last dimension. The texts of outputs that are `nested` are JSON,
    each of one value. Inputs and outputs in `base64` are bytes, which that server has in base64.
    """

    form: Form = "value"
    outputs: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    column: int | None = None
    nested: tuple[str, ...] = ()
    base64: tuple[str, ...] = ()


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """One way to call a model.

    `method` says which TF Serving verbs apply; with "classify", `scores` names the output that holds one
    probability per class, and `labels` (when known) names the classes in the order of its last dimension. More rows
    than `max_batch_size` are neither taken nor run together; 0: as many as come. One that `streams` answers part by
    part; one with `sequences` keeps something from one request of a sequence to the next. `params` are what a request
    may say beside its inputs; `predicted` is what the library's own `predict` answers, where that is known to be
    something else than all outputs.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...] = ()
    batched: bool = True
    method: Method = "predict"
    scores: str | None = None
    labels: tuple[str, ...] = ()
    max_batch_size: int = 0
    streams: bool = False
    sequences: SequenceLimits | None = None
    params: tuple[Parameter, ...] = ()
    predicted: Predicted | None = None
