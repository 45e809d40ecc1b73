"""TensorFlow Serving's ModelSpec: the model that a message means, and the one that answered.

Texts are TensorFlow Serving's own, to the letter, where clients compare them.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from bms.core.errors import InvalidArgument, NotFound
from bms.protocols.protobuf.wire import field, varint_field


class Meant(NamedTuple):
    """The model that a message means. `number` and `label` exclude each other; neither: whatever takes traffic.
    `signature` None: not named."""

    name: str
    number: int | None
    label: str | None
    signature: str | None

    def unknown(self) -> NotFound:
        """Returns the error for an unknown model, or an unknown version of it."""
        number = self.number
        which = f"Latest({self.name})" if number is None else f"Specific({self.name}, {number})"
        return NotFound(f"Servable not found for request: {which}")

    def unlabelled(self) -> InvalidArgument:
        return InvalidArgument(f"Unrecognized servable version label: {self.label}")


def read_spec(message: Any) -> Meant:
    """Reads the ModelSpec of any message with a `model_spec`. Raises InvalidArgument where it names no model."""
    if not message.HasField("model_spec"):
        raise InvalidArgument("Missing ModelSpec")
    spec = message.model_spec
    if not spec.name:
        raise InvalidArgument("ModelSpec has no name specified.")
    choice = spec.WhichOneof("version_choice")
    return Meant(
        spec.name,
        spec.version.value if choice == "version" else None,
        spec.version_label if choice == "version_label" else None,
        spec.signature_name or None,
    )


@lru_cache(maxsize=1024)
def write_spec(number: int, name: str, version: int, signature: str | None) -> bytes:
    """Encodes the ModelSpec that answered, as field `number`."""
    said = field(1, name.encode()) + field(2, varint_field(1, version))
    return field(number, said + (field(3, signature.encode()) if signature else b""))
