"""Events of data sets and their versions."""

from bms.core.events import Payload


class OfDatasetVersion(Payload, frozen=True, kw_only=True):
    """An event whose subject is the id of a data set's version."""

    dataset: str
    number: int
    reason: str


class DatasetCreated(Payload, frozen=True, kw_only=True):
    """A data set was made; the subject is its id."""

    EVENT = "dataset.created"
    name: str


class DatasetImportRequested(OfDatasetVersion, frozen=True, kw_only=True):
    """A version is to be imported."""

    EVENT = "dataset.import_requested"


class DatasetReady(OfDatasetVersion, frozen=True, kw_only=True):
    """A version was imported."""

    EVENT = "dataset.ready"


class DatasetFailed(OfDatasetVersion, frozen=True, kw_only=True):
    """A version could not be imported, for the reason that is told."""

    EVENT = "dataset.failed"


class DatasetDeleted(Payload, frozen=True, kw_only=True):
    """A data set was deleted with its versions; the subject is its id."""

    EVENT = "dataset.deleted"
    name: str
    versions: int


class DatasetVersionDeleted(Payload, frozen=True, kw_only=True):
    """One version was deleted; the subject is its id."""

    EVENT = "dataset.version_deleted"
    dataset: str
    number: int
