"""CloudEvents around the bodies of KServe's V1 predict: a request sent as an event is answered by one.

Source: https://github.com/cloudevents/spec (HTTP protocol binding, JSON format) and kserve's dataplane. In binary mode
the body is the data and headers `ce-…` are the rest; in structured mode all is one JSON object.
"""

from typing import Any, Literal

import msgspec
import orjson

from bms.core.errors import InvalidArgument
from bms.protocols.json.repeats import refuse_repeats

Mode = Literal["", "binary", "structured"]
SPECVERSION = b"ce-specversion"  # the header that says that a body is an event's data
STRUCTURED = b"application/cloudevents+json"
_TYPE = "io.kserve.inference.response"


class EventBody(msgspec.Struct):
    """A CloudEvent in structured mode; extension attributes are ignored."""

    specversion: str
    id: str
    source: str
    type: str
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    datacontenttype: str | None = None
    data_base64: Any = None


_decode = msgspec.json.Decoder(EventBody).decode


def check_version(version: str) -> None:
    """Raises InvalidArgument for an unknown version of the specification."""
    if not version.startswith("1."):
        raise InvalidArgument(f"this event is of specversion {version[:20]!r}: 1.0 is expected")


def event_data(body: bytes | memoryview) -> bytes:
    """Returns the data of a structured event, which is a predict body. Raises InvalidArgument for an invalid event."""
    try:
        event = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument(f"the body is no structured CloudEvent: {error}") from None
    refuse_repeats(body)
    check_version(event.specversion)
    if event.data is msgspec.UNSET:
        raise InvalidArgument('the event has no "data": a body of predict as JSON is expected there')
    return bytes(event.data)


def answer_lines(model: str, id: str) -> bytes:
    """Returns the headers of an answer in binary mode, as whole lines."""
    told = {"specversion": "1.0", "id": id, "source": _source(model), "type": _TYPE}
    return "".join(f"ce-{name}: {value}\r\n" for name, value in told.items()).encode()


def answer_body(model: str, id: str, data: bytes) -> bytes:
    """Encodes an answer in structured mode around `data`, which is JSON."""
    told = {"specversion": "1.0", "id": id, "source": _source(model), "type": _TYPE}
    head = orjson.dumps({**told, "datacontenttype": "application/json"})
    return b'%b,"data":%b}' % (head[:-1], data)


def _source(model: str) -> str:
    return f"io.kserve.inference.{model}"
