"""Applies the findings of verification to a version: ready with what was found, or rejected with the reason. Pure."""

import msgspec

from bms.control.models.checks import check_new, check_signatures
from bms.control.models.nouns import Measurement, NewVersion, Version
from bms.control.models.states import moved
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.serving.model_config import check_configured
from bms.core.tensors.class_names import holds_a_number_each, names_text, resolve_class_names
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec, shape_text
from bms.core.workloads.programs import Recognised, VerifyReport

MAX_FOUND = 1 << 20  # bytes of the found signatures as JSON; they come from the model's own process
MAX_REASON = 4000
MAX_FORMAT = 64  # characters
ANSWERED = "label"  # the output that holds the answered class, where a model gives no scores


def verdict(version: Version, report: VerifyReport) -> Version:
    """The version as ready, with signatures and measurements; as rejected when maker and model disagree."""
    try:
        check_signatures(report.signatures)  # a model's own code may have written them
        signatures = agreed(version.signatures, report.signatures, version.labels)
    except (FailedPrecondition, InvalidArgument) as error:
        return rejected(version, error.message)
    default = signatures.get(DEFAULT)
    for name in signatures:
        if name in report.apart:
            version = noted(version, f"batching of {name}", f"none: {report.apart[name]}")
        if name in report.streaming:
            version = noted(version, f"answers of {name}", "part by part, as they are made")
    return msgspec.structs.replace(
        moved(version, "ready"),
        format=report.format[:MAX_FORMAT] or version.format,
        signatures=signatures,
        labels=version.labels or (default.labels if default else ()),
        measurement=Measurement(memory=report.memory, load_ns=report.load_ns, infer_ns=report.infer_ns),
    )


def described(version: Version, found: Recognised) -> Version:
    """The version as it was recognised. What its maker declared counts more than what the artifact says of itself.

    Raises InvalidArgument for what can't be stored.
    """
    declared, environment = found.description, version.environment
    signatures = version.signatures or declared.signatures
    check_new(NewVersion(signatures=signatures, labels=version.labels or declared.labels, metadata=declared.metadata))
    environment = msgspec.structs.replace(
        environment, requirements=found.requirements, python=found.python, lock=found.lock
    )
    return msgspec.structs.replace(
        version,
        runtime=found.runtime,
        format=found.format,
        environment=environment,
        signatures=signatures,
        preprocess=version.preprocess or declared.preprocess,
        labels=version.labels or declared.labels,
        metadata={**declared.metadata, **version.metadata},
    )


def rejected(version: Version, reason: str) -> Version:
    """The version as rejected. The reason may hold what the model's process printed: it is cut and made plain."""
    return moved(version, "rejected", plain(reason, MAX_REASON) or "no reason was given")


def noted(version: Version, name: str, words: str) -> Version:
    """The version with a note of that name, in place of an earlier one. The text may be a process's, as above."""
    return msgspec.structs.replace(version, metadata={**version.metadata, name: plain(words, MAX_REASON)})


def plain(words: str, most: int) -> str:
    """The text cut to so many characters, control characters replaced."""
    made = "".join(letter if letter >= " " or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}" for letter in words)
    return made if len(made) <= most else made[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def agreed(given: dict[str, Signature], found: dict[str, Signature], labels: tuple[str, ...]) -> dict[str, Signature]:
    """All found signatures, as the maker declared them where given, with the class names where they apply.

    Raises FailedPrecondition naming the first point in which the maker's words do not fit the model.
    """
    if not found:
        raise FailedPrecondition("verification found no way to call the model")
    if len(msgspec.json.encode(found)) > MAX_FOUND:
        raise FailedPrecondition(f"the model's signatures take more than {MAX_FOUND} bytes")
    for name in given:
        if name not in found:
            known = ", ".join(repr(one) for one in sorted(found))
            raise FailedPrecondition(f"signature {name!r} was declared, but the model has {known}")
    given = {name: _as_proved(signature, found[name]) for name, signature in given.items()}
    for name, signature in given.items():
        _check_fit(name, signature, found[name])
    declared = {name: given.get(name, signature) for name, signature in found.items()}
    whole = {
        name: _with_found(signature, found[name]) if signature.outputs else found[name]
        for name, signature in declared.items()
    }
    for name, signature in whole.items():
        check_configured(name, signature)
    return {name: _labelled(name, signature, found[name], labels) for name, signature in whole.items()}


def _with_found(given: Signature, found: Signature) -> Signature:
    """The signature with the features that the model was found to read of serialized examples, and how it answers,
    which nobody can declare; and with what its artifact says for clients that read a configuration, where `given` does
    not."""
    real = {spec.name: spec for spec in found.inputs}
    inputs = tuple(
        msgspec.structs.replace(spec, features=real[spec.name].features, format=spec.format or real[spec.name].format)
        for spec in given.inputs
    )
    return msgspec.structs.replace(
        given,
        inputs=inputs,
        max_batch_size=given.max_batch_size or found.max_batch_size,
        streams=found.streams,
        sequences=given.sequences or found.sequences,
    )


def _as_proved(given: Signature, found: Signature) -> Signature:
    """The signature as it was proved: one that was declared batched, but is not, is not; a model that runs only with
    one row takes one."""
    if found.batched or not given.batched:
        return given
    ones = {spec.name for spec in found.inputs if spec.shape[:1] == (1,)}
    inputs = tuple(
        msgspec.structs.replace(spec, shape=(1, *spec.shape[1:]))
        if spec.name in ones and spec.shape[:1] == (None,)
        else spec
        for spec in given.inputs
    )
    return msgspec.structs.replace(given, inputs=inputs, batched=False, method="predict", scores=None)


def _check_fit(name: str, given: Signature, found: Signature) -> None:
    inputs = {spec.name: spec for spec in found.inputs}
    for spec in given.inputs:
        real = inputs.pop(spec.name, None)
        where = f"input {spec.name!r} of signature {name!r}"
        if real is None:
            raise FailedPrecondition(f"{where} was declared, but the model takes {_names(found.inputs)}")
        # What callers are promised must be within what the model takes: a fixed size may be declared for a free
        # one, never a free one for a fixed.
        _check_tensor(where, spec, real, narrower=True)
        if spec.optional and not real.optional:
            raise FailedPrecondition(f"{where} was declared optional, and the model needs it")
    if inputs:
        raise FailedPrecondition(f"the model also takes input {next(iter(inputs))!r}: declare it in {name!r}")
    outputs = {spec.name: spec for spec in found.outputs}
    for spec in given.outputs:
        where = f"output {spec.name!r} of signature {name!r}"
        if spec.name not in outputs:
            raise FailedPrecondition(f"{where} was declared, but the model gives {_names(found.outputs)}")
        _check_tensor(where, spec, outputs[spec.name], narrower=False)
    if given.sequences is not None and found.sequences is None:
        raise FailedPrecondition(
            f"signature {name!r} was declared with sequences, and the model keeps none: it has no step"
        )
    if given.scores is not None and given.scores not in {spec.name for spec in given.outputs}:
        raise FailedPrecondition(f"signature {name!r} takes its scores from {given.scores!r}, which is no output of it")


def _check_tensor(where: str, given: TensorSpec, real: TensorSpec, *, narrower: bool) -> None:
    if given.dtype != real.dtype:
        raise FailedPrecondition(f"{where} was declared as {given.dtype}, the model has {real.dtype}")
    fits = len(given.shape) == len(real.shape) and all(
        have is None or want == have or (want is None and not narrower)
        for want, have in zip(given.shape, real.shape, strict=True)
    )
    if not fits:
        raise FailedPrecondition(
            f"{where} was declared with shape {shape_text(given.shape)}, the model has {shape_text(real.shape)}"
        )


def _labelled(name: str, signature: Signature, found: Signature, labels: tuple[str, ...]) -> Signature:
    """The signature with the names of its classes: the version's `labels`, where they don't contradict those that were
    found."""
    if signature.scores is None:
        answers = any(spec.name == ANSWERED and len(spec.shape) == 1 for spec in signature.outputs)
        answers = answers or any(holds_a_number_each(spec, labels) for spec in signature.outputs)
        return msgspec.structs.replace(signature, labels=labels) if answers and not signature.labels else signature
    same = signature.scores == found.scores
    known = resolve_class_names(signature.labels, found.labels) if same else signature.labels
    signature = msgspec.structs.replace(signature, labels=resolve_class_names(labels, known))
    shape = next((spec.shape for spec in signature.outputs if spec.name == signature.scores), ())
    classes = shape[-1] if shape else None
    if signature.labels and classes is not None and classes != len(signature.labels):
        raise FailedPrecondition(
            f"{len(signature.labels)} labels were declared, but {signature.scores!r} of signature {name!r} "
            f"has {classes} classes: {names_text(signature.labels)}"
        )
    return signature


def _names(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(repr(spec.name) for spec in specs)
