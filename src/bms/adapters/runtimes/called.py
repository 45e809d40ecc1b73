"""A servable around a function: what runtimes of frameworks share, once the framework has loaded its model."""

from collections.abc import Callable, Mapping

from msgspec import structs

from bms.adapters.runtimes.declared import ask, settled
from bms.adapters.runtimes.example_file import Example, read_example
from bms.adapters.runtimes.example_inputs import example_inputs
from bms.adapters.runtimes.reasons import reason
from bms.core.errors import BmsError, FailedPrecondition, Internal, InvalidArgument
from bms.core.programs import ServableConfig
from bms.core.signature import DEFAULT, Signature
from bms.core.tensor import Array
from bms.serving.inference.probe import observed

Call = Callable[[str, Mapping[str, Array], tuple[str, ...]], Mapping[str, Array]]
"""(signature, inputs, wanted outputs; none: all) -> at least the wanted outputs, as arrays of the wire's types."""


class CalledServable:
    """Keeps `Servable`'s contract if `call` does. What `call` raises of `invalid` is the inputs' fault."""

    def __init__(
        self,
        format: str,
        call: Call,
        signatures: Mapping[str, Signature],
        invalid: tuple[type[Exception], ...] = (),
    ) -> None:
        self.format = format
        self.waits = False  # `WaitingServable`
        self.signatures = dict(signatures)
        self.examples: dict[str, Mapping[str, Array]] = {}  # `ExemplaryServable`
        self.unread: tuple[str, ...] = ()  # `PartlyRead`
        self._call: Call | None = call
        self._invalid = invalid

    def infer(self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...] = ()) -> dict[str, Array]:
        if self._call is None:
            raise FailedPrecondition("this servable is closed")
        try:
            given = self._call(signature, inputs, outputs)
        except BmsError:
            raise
        except MemoryError:
            raise
        except Exception as error:
            kind = InvalidArgument if isinstance(error, self._invalid) else Internal
            words = f"{type(error).__name__}: {reason(error)}"
            raise kind(f"the model could not run on these inputs: {words}") from error
        names = outputs or tuple(spec.name for spec in self.signatures[signature].outputs) or tuple(given)
        try:
            return {name: given[name] for name in names}
        except KeyError as error:
            raise Internal(f"the model gave no output {error}: it gave {', '.join(map(repr, given))}") from error

    def close(self) -> None:
        self._call = None


def served(
    config: ServableConfig,
    format: str,
    call: Call,
    found: Mapping[str, Signature] | None,
    *,
    why: str = "its format does not tell what it takes",
    invalid: tuple[type[Exception], ...] = (),
    example: Example | None = None,
) -> CalledServable:
    """The servable of a loaded model, with its signatures settled: those of `config`, checked against `found` and
    completed, else `found` as runs bear it out. `found` may leave outputs out; None: the format tells nothing.

    Runs are with the artifact's own example where it has one that fits, else with `example`, else with made-up rows.
    Raises FailedPrecondition when the declared ones do not fit, when the model does not run on an example, and, with
    neither, asking for them: `why` says what is not told.
    """
    if not config.signatures and not found:
        raise ask(config.runtime, why)
    wanted = dict(config.signatures or found or {})
    servable = CalledServable(format, call, {**wanted, **(found or {})}, invalid)
    example = read_example(config.directory) or example
    for name, one in servable.signatures.items():
        if (inputs := example_inputs(example, one)) is not None:
            servable.examples[name] = inputs
    known = {name: _observed(servable, name, one) for name, one in (found or {}).items()}
    for name, signature in config.signatures.items():
        real = known.get(name) or known.get(DEFAULT) or (next(iter(known.values())) if len(known) == 1 else None)
        if real is not None:
            known[name] = settled(name, signature, real)
        else:
            known[name] = signature if signature.outputs else _completed(servable, name, signature)
    servable.signatures = {name: known[name] for name in wanted}
    return servable


def _observed(servable: CalledServable, name: str, signature: Signature) -> Signature:
    return observed(servable, name, signature, servable.examples.get(name))


def _completed(servable: CalledServable, name: str, signature: Signature) -> Signature:
    seen = _observed(servable, name, signature)
    return seen if signature.batched else structs.replace(seen, batched=False)  # its maker knows
