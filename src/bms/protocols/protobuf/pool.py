"""The private descriptor pool, and the classes of its messages."""

from functools import cache
from typing import Any

from google.protobuf import any_pb2, wrappers_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from bms.core.errors import InvalidArgument
from bms.protocols.protobuf import health, inference, reflection, tensorflow, tfserving
from bms.protocols.protobuf.schema import read_schema


def _known(file: FileDescriptor) -> FileDescriptorProto:
    """Returns the descriptor of a file that Protocol Buffers bring along."""
    return FileDescriptorProto.FromString(file.serialized_pb)


FILES: tuple[FileDescriptorProto, ...] = (  # each behind those it imports
    read_schema(inference.NAME, inference.PACKAGE, inference.TEXT),
    read_schema(health.NAME, health.PACKAGE, health.TEXT),
    read_schema(*reflection.V1, reflection.TEXT),
    read_schema(*reflection.V1ALPHA, reflection.TEXT),
    _known(any_pb2.DESCRIPTOR),
    _known(wrappers_pb2.DESCRIPTOR),
    read_schema(tensorflow.NAME, tensorflow.PACKAGE, tensorflow.TEXT),
    read_schema(tensorflow.ERROR_NAME, tensorflow.ERROR_PACKAGE, tensorflow.ERROR_TEXT),
    read_schema(tfserving.NAME, tfserving.PACKAGE, tfserving.TEXT, tfserving.IMPORTS),
    read_schema(tfserving.SERIALIZED_NAME, tfserving.SERIALIZED_PACKAGE, tfserving.SERIALIZED_TEXT, (tfserving.NAME,)),
)


def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    for file in FILES:
        pool.Add(file)
    return pool


POOL = _pool()


@cache
def message(name: str) -> Any:
    """Returns the class of the message with that full name, e.g. `inference.ModelInferRequest`."""
    return GetMessageClass(POOL.FindMessageTypeByName(name))


def parse(kind: Any, data: bytes | memoryview) -> Any:
    """Parses a message of that class. Raises InvalidArgument for bytes that are none."""
    try:
        return kind.FromString(data)
    except DecodeError:
        raise InvalidArgument(f"this is not a message {kind.DESCRIPTOR.full_name}") from None
