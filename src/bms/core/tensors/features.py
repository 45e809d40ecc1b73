"""Features of the `tf.train.Example`s that a model reads, which reach it serialized, one to a row."""

from typing import Literal

import msgspec


class Feature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One feature. `size` is how many values of it an example holds; None: any number, none too."""

    name: str
    dtype: Literal["BYTES", "FP32", "INT64"]  # the kinds of lists that a tf.train.Example has
    size: int | None = None
