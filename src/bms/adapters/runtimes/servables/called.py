"""Makes a servable of a function: what runtimes of frameworks share, once the framework has loaded its model."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from bms.adapters.runtimes.examples.file import Example
from bms.adapters.runtimes.servables.declared import ask
from bms.adapters.runtimes.servables.signature_resolution import asked_of, given_examples, resolve_signatures
from bms.core.errors import BmsError, FailedPrecondition, Internal, InvalidArgument
from bms.core.tensors.columns import mask_name, with_masks
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Array
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.reasons import reason
from bms.serving.lifecycle.examples import rows_of

Call = Callable[[str, Mapping[str, Array], tuple[str, ...]], Mapping[str, Array]]
"""(signature, inputs, wanted outputs; none: all) -> at least the wanted outputs, as arrays of the wire's types."""
CallWith = Callable[[str, Mapping[str, Array], tuple[str, ...], Mapping[str, Any]], Mapping[str, Array]]
"""The same with parameters by name, those alone that are not the defaults."""
Words = Callable[[Exception], str]
"""What an error says, without its library's own decoration."""


_NONE: Mapping[str, Any] = MappingProxyType({})


class CalledServable:
    """A servable around `call`; keeps `Servable`'s contract if `call` does. Exceptions of it in `invalid` are the
    inputs' fault, and described by `words`."""

    def __init__(
        self,
        format: str,
        call: Call,
        signatures: Mapping[str, Signature],
        invalid: tuple[type[Exception], ...] = (),
        words: Words = str,
    ) -> None:
        self.format = format
        self.waits = False  # `WaitingServable`
        self.signatures = dict(signatures)
        self.examples: dict[str, Mapping[str, Array]] = {}  # `ExemplaryServable`
        self.unread: tuple[str, ...] = ()  # `PartlyRead`
        self.apart: dict[str, str] = {}  # `ApartServable`
        self.one_by_one: frozenset[str] = frozenset()  # signatures of which each row has a run of its own
        self.listed: frozenset[str] = frozenset()  # outputs that the library's `predict` gives as lists of one
        self.call_with: CallWith | None = None  # where a signature has parameters
        self._call: Call | None = call
        self._invalid = invalid
        self._words = words

    def infer(self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...] = ()) -> dict[str, Array]:
        return self.infer_with(signature, inputs, outputs, _NONE)

    def infer_with(
        self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...], params: Mapping[str, Any]
    ) -> dict[str, Array]:
        """`ParameterizedServable`. Raises InvalidArgument for parameters of a model that takes none."""
        call = self._call
        if call is None:
            raise FailedPrecondition("this servable is closed")
        if params:
            if self.call_with is None:
                raise InvalidArgument("this model takes no parameters")
            call = partial(_with, self.call_with, params)
        if signature in self.one_by_one and (rows := len(next(iter(inputs.values())))) > 1:
            each = [self.infer_with(signature, rows_of(dict(inputs), [row]), outputs, params) for row in range(rows)]
            each = with_masks(each)
            return {name: np.concatenate([one[name] for one in each]) for name in each[0]}
        try:
            given = call(signature, inputs, outputs)
        except BmsError:
            raise
        except MemoryError:
            raise
        except Exception as error:
            kind = InvalidArgument if isinstance(error, self._invalid) else Internal
            words = reason(error, self._words(error))
            raise kind(f"the model could not run on these inputs: {words}") from error
        names = outputs or tuple(spec.name for spec in self.signatures[signature].outputs) or tuple(given)
        try:
            told = {name: given[name] for name in names}
        except KeyError as error:
            raise Internal(f"the model gave no output {error}: it gave {', '.join(map(repr, given))}") from error
        return told | {mask: given[mask] for name in names if (mask := mask_name(name)) in given}

    def close(self) -> None:
        self._call = None


def _with(
    call: CallWith, params: Mapping[str, Any], signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...]
) -> Mapping[str, Array]:
    return call(signature, inputs, outputs, params)


def served(
    config: ServableConfig,
    format: str,
    call: Call,
    found: Mapping[str, Signature] | None,
    *,
    why: str = "its format does not tell what it takes",
    invalid: tuple[type[Exception], ...] = (),
    example: Example | None = None,
    independent: bool = False,
    gentle: bool = False,
    words: Words = str,
    streaming: frozenset[str] = frozenset(),
) -> CalledServable:
    """Makes the servable of a loaded model, with its signatures resolved: those of `config`, checked against `found`
    and completed, else `found` as runs bear it out. `found` may leave outputs out; None: the format describes no
    signature.

    Runs are with the artifact's own example where it has one that fits, else with `example`, else with synthetic rows;
    `independent`, `gentle` and `streaming` as `resolve_signatures` says. Raises FailedPrecondition when the declared
    ones do not fit, when the model does not run on an example, and, with neither, asking for them: `why` says what is
    not told.
    """
    if not config.signatures and not found:
        raise ask(config.runtime, why)
    asked = {name: asked_of(name, config, found or {}) for name in config.signatures or found or {}}
    servable = CalledServable(format, call, asked, invalid, words)
    examples = given_examples(config, asked, example, found or {})
    made = resolve_signatures(
        servable, config, asked, examples, independent=independent, gentle=gentle, streaming=streaming
    )
    servable.signatures, servable.examples, servable.apart = made.signatures, made.examples, made.apart
    servable.one_by_one = frozenset(made.one_by_one)
    return servable
