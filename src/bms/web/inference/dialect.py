"""What a dialect of HTTP bodies is: a body to a request, outputs to an answer or to the parts of one; pure, without
sockets."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from bms.core.errors import BmsError, Unimplemented
from bms.core.tensors.request import InferRequest, InferResponse
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Tensor
from bms.protocols.oip.generate import EVENT_STREAM, encode_error_event
from bms.serving.pipeline.exchange import IN_A_STREAM
from bms.serving.pipeline.write_batch import ExchangeAnswer

Signatures = Mapping[str, Signature]
Fields = Mapping[bytes, bytes]  # an HTTP request's headers, names in lower case


class DecodedRequest(Protocol):
    """A request, its number of rows, and what its answer must know of it."""

    @property
    def request(self) -> InferRequest: ...

    @property
    def rows(self) -> int: ...


class Dialect(Protocol):
    def decode(self, body: Any, fields: Fields, model: str, signatures: Signatures) -> DecodedRequest:
        """`body` are the bytes that came, or what `AddressedDialect.read` made of them. Raises InvalidArgument for what
        does not fit the signature it means."""
        ...

    def encode(self, response: InferResponse, decoded: Any, signatures: Signatures) -> ExchangeAnswer:
        """`decoded` is what `decode` gave. Raises BmsError for outputs that this dialect cannot carry."""
        ...


class Addressed(Protocol):
    """A body that was read and names the model it asks: its version by number or by alias, or neither."""

    @property
    def model(self) -> str: ...

    @property
    def version(self) -> int | None: ...

    @property
    def alias(self) -> str | None: ...


@runtime_checkable
class AddressedDialect(Dialect, Protocol):
    """One whose body names the model, so that it is read before there are signatures to decode it by."""

    def read(self, body: bytes | memoryview) -> Addressed:
        """Raises InvalidArgument for what is no such body."""
        ...


@runtime_checkable
class StreamingDialect(Dialect, Protocol):
    """One whose answers may come part by part; then `encode` is for requests that want one whole answer. Whose parts
    are server-sent events has most of it from `Streams`."""

    event_type: bytes
    """The content type of a stream."""

    def wants_stream(self, decoded: Any) -> bool:
        """Whether this request wants its parts as they come."""
        ...

    def encode_part(self, response: InferResponse, decoded: Any) -> bytes:
        """One part. Raises BmsError for outputs that this dialect cannot carry."""
        ...

    def encode_end(self, response: InferResponse, decoded: Any) -> bytes:
        """What is said behind the last part; empty: nothing. The response has no outputs; its `finish` and `tokens` are
        those of the stream."""
        ...

    def encode_error(self, error: BmsError, decoded: Any) -> bytes:
        """What went wrong behind the first part, when the status was already told."""
        ...

    def gather(self, parts: Sequence[Sequence[Tensor]], decoded: Any) -> Sequence[Tensor]:
        """The outputs that `encode` takes, where a model answered part by part and one whole answer is wanted. Raises
        Unimplemented where this dialect can't say what that is."""
        ...


class Streams:
    """Server-sent events of a dialect that always streams, and says no more than its parts and errors."""

    event_type = EVENT_STREAM

    def wants_stream(self, decoded: Any) -> bool:
        return True

    def encode_end(self, response: InferResponse, decoded: Any) -> bytes:
        return b""  # the end of the body is the end of the stream

    def encode_error(self, error: BmsError, decoded: Any) -> bytes:
        return encode_error_event(error)

    def gather(self, parts: Sequence[Sequence[Tensor]], decoded: Any) -> Sequence[Tensor]:
        raise Unimplemented(IN_A_STREAM)
