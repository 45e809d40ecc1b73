"""The inference request and answer that every protocol decodes to and encodes from."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from bms.core.tensors.sequences import SequenceStep
from bms.core.tensors.tensor import Tensor
from bms.core.usage import Quantities


class InferRequest(msgspec.Struct, kw_only=True):
    """A call of one model, whatever protocol it came by.

    `inputs` are checked against the signature by whoever admits the request, not here.
    """

    model: str
    inputs: list[Tensor]
    signature: str | None = None  # None: the one whose inputs match, the default first
    outputs: tuple[str, ...] = ()  # empty: all
    id: str | None = None
    timeout_s: float | None = None
    priority: int = 0
    sequence: SequenceStep | None = None  # of which sequence it is a step
    notes: tuple[str, ...] = ()  # for its sender, on how the inputs were made, e.g. rounded
    params: bytes = b""  # what `chosen_parameters` wrote; empty: the model's defaults
    ignored: tuple[str, ...] = ()  # members of its body that nothing reads, by the names they are counted by


class InferResponse(msgspec.Struct, kw_only=True):
    """A model's answer. A stream is many of these, the last with `final` True.

    Of an answer that has ended, `finish` is why there is no more of it ("stop", "length", …; empty: not known), and
    `tokens` what is known to have been taken and made, by meter.
    """

    model: str
    version: int
    outputs: Sequence[Tensor]
    id: str | None = None
    final: bool = True
    finish: str = ""
    tokens: Quantities = ()


Verb = Literal["predict", "classify", "regress"]
