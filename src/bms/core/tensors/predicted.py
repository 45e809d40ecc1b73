"""What a library's own `predict` gives of the outputs that are served here, and in which form its server tells it."""

from typing import Literal

import msgspec

Form = Literal["value", "records", "columns", "numbered", "lists"]


class Predicted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`outputs` are those that it gives, none: all of them; `names` what it calls them, none: what they are called.

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
