"""Which endpoints of model servers can be connected to from here."""

from bms.core.endpoints import UnixEndpoint, parse_endpoint
from bms.core.errors import InvalidArgument


def unix_path(address: str) -> str:
    """The path of the socket at `address`. Raises InvalidArgument for other endpoints, and for what is none."""
    endpoint = parse_endpoint(address)
    if not isinstance(endpoint, UnixEndpoint):
        raise InvalidArgument(f"replica address {address!r} is not served: expected unix:/path")
    return endpoint.path
