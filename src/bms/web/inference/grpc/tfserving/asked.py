"""Which model a call means, and how it is told that there is none."""

from bms.core.errors import BmsError, NotFound
from bms.core.serving.snapshot import KeyEntry, ServedVersion
from bms.protocols.tfserving.grpc.model_spec import Meant
from bms.serving.pipeline.pipeline import Pipeline
from bms.serving.traffic.snapshot_index import DeploymentRoute
from bms.serving.traffic.split import UnknownAlias


def find(pipeline: Pipeline, key: KeyEntry, meant: Meant) -> tuple[DeploymentRoute, ServedVersion]:
    """Where a request would go. Raises NotFound and InvalidArgument in TensorFlow Serving's words; Unavailable."""
    try:
        return pipeline.route(key, meant.name, meant.number, meant.label)
    except NotFound as error:
        raise worded(meant, error) from None


def worded(meant: Meant, error: NotFound) -> BmsError:
    """What TensorFlow Serving says in place of `error`."""
    return meant.unlabelled() if isinstance(error, UnknownAlias) else meant.unknown()
