"""The signatures of a version: as its runtime loads it, and as callers may use it."""

import msgspec

from bms.control.models.nouns import Version, VersionFacts
from bms.core.tensors.preprocessing import fed, kind_of, target_of
from bms.core.tensors.signature import Signature


def loaded(version: Version | VersionFacts) -> dict[str, Signature]:
    """The signatures that the runtime checks the model against, with class names filled in."""
    added = None if version.preprocess is None else kind_of(version.preprocess)
    return {name: _labelled(one, version.labels) for name, one in version.signatures.items() if name != added}


def served(version: Version | VersionFacts) -> dict[str, Signature]:
    """The signatures that callers may use: those of the model, and the one of encoded images or texts where the version
    has preprocessing."""
    signatures, options = loaded(version), version.preprocess
    if options is None:
        return signatures
    target = target_of(options, signatures)
    return signatures if target is None else {**signatures, kind_of(options): fed(options, signatures[target])}


def _labelled(signature: Signature, labels: tuple[str, ...]) -> Signature:
    if signature.method != "classify" or signature.labels or not labels:
        return signature
    return msgspec.structs.replace(signature, labels=labels)
