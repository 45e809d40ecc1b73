"""The answer of a library's own `predict`: which outputs it holds, and the form in which the library's server writes
it."""

from typing import Literal

import msgspec

Form = Literal["value", "records", "columns", "numbered", "lists"]


class Predicted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The form of such an answer. `outputs` are those that it has, none: all of them; `names` what it calls them, none:
    their own names.

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
