"""What a model takes and gives, as the API tells it."""

import msgspec


class TensorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A named tensor; None in `shape` is a free dimension."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """One way to call a model; `labels` name the classes in the order of the last dimension of output `scores`."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...] = ()
    batched: bool = True
    method: str = "predict"
    scores: str | None = None
    labels: tuple[str, ...] = ()


class EnvironmentSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What must be installed where something runs; `python` None: the platform's own version.

    `lock` holds lines of a lock file, `name==version --hash=sha256:…`; `index` names one of the operator's indexes.
    """

    requirements: tuple[str, ...] = ()
    python: str | None = None
    lock: tuple[str, ...] = ()
    index: str = ""


class Preprocess(msgspec.Struct, frozen=True, kw_only=True):
    """How an encoded image becomes the model's input `input`: see the server's description of the API."""

    input: str
    mode: str
    height: int
    width: int
    scale: float = 1 / 255
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layout: str = "flat"
