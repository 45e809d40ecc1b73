"""The newest version of a model or a data set, as listings tell it."""

import msgspec


class Newest(msgspec.Struct, frozen=True, kw_only=True):
    """Its number and state."""

    number: int
    state: str
