"""The one private pool, and the classes of its messages."""

from functools import cache
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from bms.core.errors import InvalidArgument
from bms.protocols.protobuf import health, inference, reflection
from bms.protocols.protobuf.schema import read_schema

FILES: tuple[FileDescriptorProto, ...] = (
    read_schema(inference.NAME, inference.PACKAGE, inference.TEXT),
    read_schema(health.NAME, health.PACKAGE, health.TEXT),
    read_schema(*reflection.V1, reflection.TEXT),
    read_schema(*reflection.V1ALPHA, reflection.TEXT),
)


def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    for file in FILES:
        pool.Add(file)
    return pool


POOL = _pool()


@cache
def message(name: str) -> Any:
    """The class of the message with that full name, e.g. `inference.ModelInferRequest`."""
    return GetMessageClass(POOL.FindMessageTypeByName(name))


def parse(kind: Any, data: bytes | memoryview) -> Any:
    """A message of that class. Raises InvalidArgument for bytes that are none."""
    try:
        return kind.FromString(data)
    except DecodeError:
        raise InvalidArgument(f"this is not a message {kind.DESCRIPTOR.full_name}") from None
