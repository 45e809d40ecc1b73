"""What a model takes and gives, as the API tells it."""

import msgspec

Level = str | bool | int | float


class Column(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the values of a table's column are: `type` number, integer, text, boolean, category, datetime or
    json, a value's JSON.

    One that is `optional` may be left out of a request; what is in an `unread` one is not looked at. A
    `nameless` one is alone, and rows without names are its values. `categories` are
    the levels that training saw, in its order.
    """

    type: str
    optional: bool = False
    unread: bool = False
    nameless: bool = False
    categories: tuple[Level, ...] = ()


class Feature(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A feature of a `tf.train.Example`; `size` is how many values it has, None: any number."""

    name: str
    dtype: str
    size: int | None = None


class TensorSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named tensor; None in `shape` is a free dimension. With a `column` it is one of a table's, shape (None,).

    With `features` its rows are serialized `tf.train.Example`s, of which these are read; none: it is not known which.
    `format`, NCHW or NHWC, says how images lie in an input; one that is `optional` may be left out of a request.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    column: Column | None = None
    features: tuple[Feature, ...] | None = None
    format: str | None = None
    optional: bool = False


class SequenceLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many sequences a replica keeps at once, and for how many seconds one that nobody goes on with."""

    most: int = 1024
    idle_s: float = 60.0


class Parameter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a request may say beside its inputs; `many`: a list of such values. The default of an object is its JSON."""

    name: str
    type: str
    default: str | bool | int | float | tuple[str | bool | int | float | None, ...] | None = None
    many: bool = False


class Predicted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What MLflow's own server would answer of the outputs: see the server's description of the API."""

    form: str = "value"
    outputs: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    column: int | None = None
    nested: tuple[str, ...] = ()
    base64: tuple[str, ...] = ()


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """One way to call a model; `labels` name the classes in the order of the last dimension of output `scores`.

    More rows than `max_batch_size` are neither taken nor run together; 0: as many as come. One that `streams` answers
    part by part; one with `sequences` keeps something from one request of a sequence to the next.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...] = ()
    batched: bool = True
    method: str = "predict"
    scores: str | None = None
    labels: tuple[str, ...] = ()
    max_batch_size: int = 0
    streams: bool = False
    sequences: SequenceLimits | None = None
    params: tuple[Parameter, ...] = ()
    predicted: Predicted | None = None


class EnvironmentSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What must be installed where something runs; `python` None: the platform's own version.

    `lock` holds lines of a lock file, `name==version --hash=sha256:…`; `index` names one of the operator's indexes.
    """

    requirements: tuple[str, ...] = ()
    python: str | None = None
    lock: tuple[str, ...] = ()
    index: str = ""


class ImagePreprocess(msgspec.Struct, frozen=True, kw_only=True, tag="image"):
    """How an encoded image becomes the model's input `input`: see the server's description of the API."""

    input: str = ""
    mode: str
    height: int
    width: int
    resize: str = "stretch"
    shorter: int = 0
    interpolation: str = "bilinear"
    scale: float = 1 / 255
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layout: str = "flat"


class TextPreprocess(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """How a text becomes the model's token ids: see the server's description of the API."""

    tokenizer: str = "tokenizer.json"
    max_length: int | None = None
    ids: str = "input_ids"
    mask: str = "attention_mask"
    types: str = ""


Preprocess = ImagePreprocess | TextPreprocess
