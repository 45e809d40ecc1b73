"""Finds the model that a TensorFlow Serving call means, and words errors as TensorFlow Serving does."""

from bms.core.errors import BmsError, NotFound
from bms.core.serving.snapshot import KeyEntry, ServedVersion
from bms.protocols.tfserving.grpc.model_spec import Meant
from bms.serving.pipeline.pipeline import Pipeline
from bms.serving.traffic.snapshot_index import DeploymentRoute
from bms.serving.traffic.split import UnknownAlias


def find(pipeline: Pipeline, key: KeyEntry, meant: Meant) -> tuple[DeploymentRoute, ServedVersion]:
    """Returns where a request would go. Raises NotFound and InvalidArgument in TensorFlow Serving's words;
    Unavailable."""
    try:
        return pipeline.route(key, meant.name, meant.number, meant.label)
    except NotFound as error:
        raise tfserving_error(meant, error) from None


def tfserving_error(meant: Meant, error: NotFound) -> BmsError:
    """Returns the error in TensorFlow Serving's words."""
    return meant.unlabelled() if isinstance(error, UnknownAlias) else meant.unknown()
