"""Which model a call means."""

from bms.core.errors import NotFound
from bms.core.snapshot import KeyEntry, ServedVersion
from bms.protocols.tfserving_grpc.model_spec import Meant
from bms.serving.traffic.snapshot_index import Route
from bms.serving.traffic.split import UnknownAlias
from bms.web.inference.desk import Desk

Where = tuple[Route, ServedVersion]


def find(desk: Desk, key: KeyEntry, meant: Meant) -> Where:
    """Where a request goes. Raises NotFound and InvalidArgument in TensorFlow Serving's words; Unavailable."""
    try:
        return desk.route(key, meant.name, meant.number, meant.label)
    except UnknownAlias:
        raise meant.unlabelled() from None
    except NotFound:
        raise meant.unknown() from None
