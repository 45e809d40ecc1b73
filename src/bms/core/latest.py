"""The latest version of a model or a data set, as listings show it."""

import msgspec


class Newest(msgspec.Struct, frozen=True, kw_only=True):
    """The number and state of the latest version."""

    number: int
    state: str
