"""Serving models whose format tells the names of their inputs at most: their makers say the rest."""

from collections.abc import Iterable

from msgspec import structs

from bms.adapters.runtimes.called import Call, CalledServable, served
from bms.adapters.runtimes.declared import ask
from bms.core.errors import FailedPrecondition
from bms.core.programs import ServableConfig


def served_as_asked(
    config: ServableConfig,
    format: str,
    call: Call,
    *,
    takes: Iterable[str] | None,
    why: str,
    invalid: tuple[type[Exception], ...],
    gentle: bool = False,
) -> CalledServable:
    """Serves by the declared signatures, whose outputs are those that runs give. `takes`: the names of the model's
    inputs, where they are known.

    Raises FailedPrecondition when nothing is declared, saying `why` that is needed; when the declared inputs are not
    the model's; and when runs on examples fail or give other outputs than the declared ones.
    """
    if not config.signatures:
        raise ask(config.runtime, why)
    names = None if takes is None else tuple(takes)
    for signature, one in config.signatures.items():
        given = {spec.name for spec in one.inputs}
        missing = [name for name in names or () if name not in given]
        unknown = sorted(given.difference(names)) if names is not None else []
        if missing or not given:
            raise FailedPrecondition(
                f"signature {signature!r} lacks the model's input {missing[0] if missing else ''!r}"
            )
        if unknown:
            raise FailedPrecondition(
                f"signature {signature!r} has an input {unknown[0]!r}, the model takes "
                f"{', '.join(map(repr, names or ()))}"
            )
    found = None
    if any(one.outputs for one in config.signatures.values()):  # to be checked against what runs give
        found = {
            name: structs.replace(one, outputs=(), method="predict", scores=None)
            for name, one in config.signatures.items()
        }
    return served(config, format, call, found, why=why, invalid=invalid, gentle=gentle)
