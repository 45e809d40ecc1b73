"""The signatures of a version: as its runtime is to load it, and as callers may use it."""

import msgspec

from bms.control.models.nouns import Version, VersionFacts
from bms.core.signature import DEFAULT, Signature, TensorSpec

IMAGE = "image"  # the signature that `Preprocess` adds in the model server


def loaded(version: Version | VersionFacts) -> dict[str, Signature]:
    """What the runtime checks the model against; class names filled in."""
    found = version.signatures.items()
    return {name: _labelled(one, version.labels) for name, one in found if name != IMAGE or not version.preprocess}


def served(version: Version | VersionFacts) -> dict[str, Signature]:
    """The same, with the one that takes encoded images where the version has preprocessing."""
    signatures = loaded(version)
    if version.preprocess is None:
        return signatures
    for name in (DEFAULT, *signatures):
        wrapped = signatures.get(name)
        if wrapped is not None and [spec.name for spec in wrapped.inputs] == [version.preprocess.input]:
            image = TensorSpec(name=IMAGE, dtype="BYTES", shape=(None,))
            return {**signatures, IMAGE: msgspec.structs.replace(wrapped, inputs=(image,))}
    return signatures


def _labelled(signature: Signature, labels: tuple[str, ...]) -> Signature:
    if signature.method != "classify" or signature.labels or not labels:
        return signature
    return msgspec.structs.replace(signature, labels=labels)
