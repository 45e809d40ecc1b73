"""Resolves a loaded model's signatures: its own, or the declared ones, confirmed by runs."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import structs

from bms.adapters.runtimes.artifacts.description import described
from bms.adapters.runtimes.examples.file import Example, read_example
from bms.adapters.runtimes.examples.inputs import examples_of
from bms.adapters.runtimes.servables.declared import check_inputs_declared, completed_signature, with_found
from bms.core.clock import SystemClock
from bms.core.errors import BmsError, FailedPrecondition
from bms.core.tensors.preprocessing import ImagePreprocess, target_of
from bms.core.tensors.signature import DEFAULT, Signature, is_table, shape_text
from bms.core.tensors.tensor import Array
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.preparation.images import synthetic_images
from bms.serving.inference.probe import ObservedSignature, observed, runnable
from bms.serving.lifecycle.examples import rows_of
from bms.serving.lifecycle.servable import Servable


class ResolvedSignatures:
    """Resolved signatures. By the names of signatures: what they are; inputs on which the model runs; why rows don't
    share a run, where their shapes would allow it. `one_by_one`: tables, which are always batched, of whose rows
    nothing is proved."""

    def __init__(self) -> None:
        self.signatures: dict[str, Signature] = {}
        self.examples: dict[str, Mapping[str, Array]] = {}
        self.apart: dict[str, str] = {}
        self.one_by_one: set[str] = set()


def own_signature(name: str, found: Mapping[str, Signature]) -> Signature | None:
    """The model's own signature behind a declared one: that of its name, else the default or only one; None: nothing is
    known."""
    return found.get(name) or found.get(DEFAULT) or (next(iter(found.values())) if len(found) == 1 else None)


def asked_of(name: str, config: ServableConfig, found: Mapping[str, Signature]) -> Signature:
    """The signature by which the model is called: its own, with inputs as narrow as they were declared. Raises
    FailedPrecondition for inputs that it does not take."""
    own, declared = own_signature(name, found), config.signatures.get(name)
    if declared is None:
        return found[name]
    if own is None:
        return declared
    check_inputs_declared(name, declared, own)
    return structs.replace(own, inputs=with_found(declared.inputs, own), batched=own.batched and declared.batched)


def given_examples(
    config: ServableConfig,
    asked: Mapping[str, Signature],
    other: Example | None = None,
    known: Mapping[str, Signature] = MappingProxyType({}),
) -> dict[str, dict[str, Array]]:
    """Converts the artifact's example, else the `other` one, for the signatures that it fits. With preprocessing it may
    be one of what is prepared, which is not the model's own to take; and it may be one for another of the `known`
    signatures, of other inputs, that nobody declared. Raises FailedPrecondition for one that fits none."""
    own = read_example(config.directory)
    inputs = [{spec.name for spec in one.inputs} for one in asked.values()]
    more = {name: one for name, one in known.items() if {spec.name for spec in one.inputs} not in inputs}
    ones = {name for name, one in asked.items() if one.inputs and all(spec.shape[:1] == (1,) for spec in one.inputs)}
    taken = {**more, **{name: _of_any_rows(one) if name in ones else one for name, one in asked.items()}}
    if own is None and other is None and isinstance(config.preprocess, ImagePreprocess):
        return _made_up(config.preprocess, asked)
    try:
        found = examples_of(own or other, taken, must_fit=own is not None and config.preprocess is None)
    except FailedPrecondition:
        if config.preprocess is None or own is None:
            raise
        return {}  # whether it fits what is prepared is for verification to say
    return {name: rows_of(one, [0]) if name in ones else one for name, one in found.items() if name in asked}


def _made_up(options: ImagePreprocess, asked: Mapping[str, Signature]) -> dict[str, dict[str, Array]]:
    """Of the signature that gets images what becomes of some, where their preparation fits it; that it does not is for
    the plan to say, which is made when the model is loaded."""
    target = target_of(options, asked)
    if target is None:
        return {}
    try:
        return {target: synthetic_images(options, asked[target])}
    except FailedPrecondition:
        return {}


def _of_any_rows(signature: Signature) -> Signature:
    """One that takes a row, as an example may have more."""
    free = tuple(structs.replace(spec, shape=(None, *spec.shape[1:])) for spec in signature.inputs)
    return structs.replace(signature, inputs=free)


def resolve_signatures(
    servable: Servable,
    config: ServableConfig,
    asked: Mapping[str, Signature],
    examples: Mapping[str, Mapping[str, Array]],
    *,
    independent: bool = False,
    gentle: bool = False,
    streaming: frozenset[str] = frozenset(),
) -> ResolvedSignatures:
    """Resolves the signatures: `asked` as runs bear them out, then compared with what `config` declares.

    A declaration never replaces a proof: what is declared batched is so only if its rows are proved independent.
    `independent`: the library answers row by row, so that an inconclusive proof is no obstacle; `gentle` as `observed`
    says; those `streaming` have runs of their own, whatever is declared. Signatures that a verification has proved are
    taken as they are. Raises FailedPrecondition.
    """
    made = ResolvedSignatures()
    independent = independent or config.compared
    batched = described(config.directory).batched
    monotonic = SystemClock().monotonic
    # Pixels are within bounds; far beyond them deep networks are chaotic, and rounding looks like company.
    images = target_of(config.preprocess, asked) if isinstance(config.preprocess, ImagePreprocess) else None
    for name, signature in asked.items():
        example = examples.get(name)
        whole_table = is_table(signature) and not independent  # is looked at each time: see `one_by_one`
        if config.proved and name in config.signatures and not whole_table:
            made.signatures[name] = config.signatures[name]
            proved = config.signatures[name]
            made.examples[name] = (
                runnable(servable, name, proved, gentle=gentle)
                if example is None
                else as_it_runs(servable, name, proved, example)
            )
            continue
        if batched is False:
            signature = alone(name, signature)
        seen = observed(
            servable,
            name,
            signature,
            example,
            monotonic=monotonic,
            independent=independent,
            gentle=gentle,
            bounded=name == images and _varies(example),
        )
        declared = config.signatures.get(name)
        if seen.apart and seen.unknown and whole_table:
            if batched and not config.proved:
                raise FailedPrecondition(
                    f"signature {name!r} was declared batched, but {seen.apart}, or push it without `--batched`, so "
                    "that each row has a run of its own"
                )
            made.one_by_one.add(name)
            made.apart[name] = f"{seen.apart}; until then each row has a run of its own"
            seen = seen._replace(signature=structs.replace(seen.signature, batched=True))
        elif seen.apart:
            _refuse(name, seen, batched)
            made.apart[name] = seen.apart
        elif batched and not seen.signature.batched and name not in streaming:
            raise not_batched(name, seen.signature)
        if example is None or seen.apart:
            made.examples[name] = seen.example
        else:
            made.examples[name] = as_it_runs(servable, name, seen.signature, example)
        made.signatures[name] = (
            seen.signature if declared is None else completed_signature(name, declared, seen.signature)
        )
    return made


def _varies(example: Mapping[str, Array] | None) -> bool:
    """Whether there are several values in it, of which others like it can be made."""
    return example is None or any(array.size and (array != array.flat[0]).any() for array in example.values())


def as_it_runs(
    servable: Servable, name: str, signature: Signature, example: Mapping[str, Array]
) -> Mapping[str, Array]:
    """A maker's example for one run: of what is not batched all of it, or its first row where that fails."""
    if signature.batched:
        return example
    try:
        servable.infer(name, example)
    except BmsError:
        return rows_of(dict(example), [0])
    return example


def alone(name: str, signature: Signature) -> Signature:
    """The same signature, with a run of its own for each request. Raises FailedPrecondition for a table."""
    if is_table(signature):
        raise FailedPrecondition(
            f"signature {name!r} takes a table, whose rows are answered one by one: it can't be served unbatched"
        )
    return structs.replace(signature, batched=False, method="predict", scores=None)


def not_batched(name: str, signature: Signature, why: str = "") -> FailedPrecondition:
    """Makes the refusal of a signature that is declared batched, but has a run for each request: `why`, else by what it
    takes or says of itself."""
    whole = next((spec for spec in signature.inputs if spec.shape[:1] != (None,)), None)
    if whole is not None:
        why = f"its input {whole.name!r} has shape {shape_text(whole.shape)}, whose first dimension is not free"
    why = why or "its own signature says that each request has a run of its own"
    return FailedPrecondition(
        f"signature {name!r} was declared batched, but {why}; push it without `--batched` or, where its bms.json "
        "declares that, with `--no-batched`"
    )


def _refuse(name: str, seen: ObservedSignature, batched: bool | None) -> None:
    if is_table(seen.signature):
        raise FailedPrecondition(
            f"signature {name!r} takes a table, of which each row must be answered by itself, but {seen.apart}"
        )
    if batched:
        raise FailedPrecondition(
            f"signature {name!r} was declared batched, but {seen.apart}; push it with `--no-batched`, so that each "
            "request has a run of its own"
        )
