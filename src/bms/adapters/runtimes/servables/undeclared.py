"""Serves models whose format does not describe their inputs: their makers must declare a signature."""

from collections.abc import Mapping

from msgspec import structs

from bms.adapters.runtimes.servables.called import Call, CalledServable, served
from bms.adapters.runtimes.servables.declared import ask
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import Signature
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.runtime import MissingDeclaration


def served_as_asked(
    config: ServableConfig,
    format: str,
    call: Call,
    asks: MissingDeclaration,
    *,
    invalid: tuple[type[Exception], ...],
    gentle: bool = False,
) -> CalledServable:
    """Makes a servable with the declared signatures, whose outputs are those that runs give.

    Raises as `check_asked` does, and FailedPrecondition when runs on examples fail or give other outputs than the
    declared ones.
    """
    check_asked(config.runtime, asks, config.signatures)
    found = None
    if any(one.outputs for one in config.signatures.values()):  # to be checked against what runs give
        found = {
            name: structs.replace(one, outputs=(), method="predict", scores=None)
            for name, one in config.signatures.items()
        }
    return served(config, format, call, found, why=asks.why, invalid=invalid, gentle=gentle)


def check_asked(runtime: str, asks: MissingDeclaration, signatures: Mapping[str, Signature]) -> None:
    """Checks the declared signatures. Raises FailedPrecondition when nothing is declared, saying why that is needed,
    and when the declared inputs are not the model's."""
    takes = asks.takes
    if not signatures:
        raise ask(runtime, asks.why, [name for name, needed in (takes or {}).items() if needed])
    for signature, one in signatures.items():
        given = {spec.name for spec in one.inputs}
        missing = [name for name, needed in (takes or {}).items() if needed and name not in given]
        unknown = [] if takes is None else sorted(given.difference(takes))
        if missing or not given:
            raise FailedPrecondition(
                f"signature {signature!r} lacks the model's input {missing[0] if missing else ''!r}"
            )
        if unknown:
            raise FailedPrecondition(
                f"signature {signature!r} has an input {unknown[0]!r}, the model takes "
                f"{', '.join(map(repr, takes or ()))}"
            )
