"""Secrets: values that models send to their upstreams; they can be set, but not read."""

from collections.abc import Sequence

from bms.api_types.secrets import Secret, SetSecret
from bms.sdk.binding.resources import D, Resource, operation, path_part, stream
from bms.sdk.transport.bodies import without_defaults
from bms.sdk.transport.flow import Flow, Stream

__all__ = ["Secret", "Secrets"]


class Secrets(Resource[D]):
    """Sets, lists and deletes secrets (`/api/v1/secrets`)."""

    @operation
    def set(self, name: str, value: str, *, hosts: Sequence[str] = ()) -> Flow[Secret]:
        """Sets or replaces a secret. Model servers that run keep the former value until they are started again."""
        body = without_defaults(SetSecret(value=value, hosts=tuple(hosts)))
        return self._change("PUT", f"/secrets/{path_part(name)}", Secret, body)

    @stream
    def list(self) -> Stream[Secret]:
        """Lists secrets, by name."""
        return self._pages("/secrets", Secret)

    @operation
    def delete(self, name: str) -> Flow[None]:
        """Deletes a secret. Raises NotFound."""
        return self._change("DELETE", f"/secrets/{path_part(name)}", type(None))
