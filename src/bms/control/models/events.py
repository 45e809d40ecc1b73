"""Events of models, their versions and aliases."""

from bms.core.events import Payload


class OfModel(Payload, frozen=True, kw_only=True):
    """An event whose subject is a model's name."""


class OfVersion(Payload, frozen=True, kw_only=True):
    """An event whose subject is a version's id."""

    model: str
    number: int


class OfGate(OfVersion, frozen=True, kw_only=True):
    """What became of measuring a version's gate; the subject is the version's id."""

    metric: str
    dataset: str
    split: str


class ModelCreated(OfModel, frozen=True, kw_only=True):
    """A model was made, or the name of a deleted one is used again."""

    EVENT = "model.created"


class ModelChanged(OfModel, frozen=True, kw_only=True):
    """A model's description or gates were changed."""

    EVENT = "model.changed"
    gates: str


class ModelDeleted(OfModel, frozen=True, kw_only=True):
    """A model was deleted with its versions and aliases."""

    EVENT = "model.deleted"
    versions: int


class AliasMoved(OfModel, frozen=True, kw_only=True):
    """An alias was made, or names another version now."""

    EVENT = "alias.moved"
    alias: str
    version: int
    previous: int | None
    forced: bool


class AliasDeleted(OfModel, frozen=True, kw_only=True):
    """An alias was deleted."""

    EVENT = "alias.deleted"
    alias: str
    version: int


class VersionStarted(OfVersion, frozen=True, kw_only=True):
    """The upload of a version began."""

    EVENT = "version.started"


class VersionUploaded(OfVersion, frozen=True, kw_only=True):
    """All bytes of a version are stored: it is to be recognised and verified."""

    EVENT = "version.uploaded"


class VersionRecognised(OfVersion, frozen=True, kw_only=True):
    """It was found out what a version is: it is to be loaded once."""

    EVENT = "version.recognised"
    runtime: str
    format: str


class VersionReady(OfVersion, frozen=True, kw_only=True):
    """A version passed its verification and can be used."""

    EVENT = "version.ready"


class VersionRejected(OfVersion, frozen=True, kw_only=True):
    """A version did not pass its verification, or its upload was never completed."""

    EVENT = "version.rejected"
    reason: str = ""


class VersionNoted(OfVersion, frozen=True, kw_only=True):
    """A note for its owner was kept with a version."""

    EVENT = "version.noted"
    note: str


class VersionPublished(OfVersion, frozen=True, kw_only=True):
    """A version that was offline can be used again."""

    EVENT = "version.published"


class VersionOffline(OfVersion, frozen=True, kw_only=True):
    """A version can't be used any more until it is published again."""

    EVENT = "version.offline"


class VersionDeleted(OfVersion, frozen=True, kw_only=True):
    """A version was deleted, or its upload given up."""

    EVENT = "version.deleted"


class GateMeasured(OfGate, frozen=True, kw_only=True):
    """A gate of a version was measured."""

    EVENT = "gate.measured"
    value: float
    passed: bool


class GateUnmeasurable(OfGate, frozen=True, kw_only=True):
    """A gate of a version can't be measured, for the reason that is told."""

    EVENT = "gate.unmeasurable"
    reason: str
