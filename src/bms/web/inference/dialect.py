"""The port to dialects, which translate HTTP bodies: a body to a request, outputs to an answer or to the parts of one;
pure, without sockets."""

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
    """A decoded request, its number of rows, and what its answer must know of it."""

    @property
    def request(self) -> InferRequest: ...

    @property
    def rows(self) -> int: ...


class Dialect(Protocol):
    """One protocol's bodies: how requests are decoded and answers encoded."""

    def decode(self, body: Any, fields: Fields, model: str, signatures: Signatures) -> DecodedRequest:
        """Decodes a body: the bytes that came, or what `AddressedDialect.read` made of them. Raises InvalidArgument for
        what does not fit the signature it means."""
        ...

    def encode(self, response: InferResponse, decoded: Any, signatures: Signatures) -> ExchangeAnswer:
        """Encodes an answer; `decoded` is what `decode` gave. Raises BmsError for outputs that this dialect can't
        carry."""
        ...


class Addressed(Protocol):
    """A parsed body that names the model it asks: its version by number or by alias, or neither."""

    @property
    def model(self) -> str: ...

    @property
    def version(self) -> int | None: ...

    @property
    def alias(self) -> str | None: ...


@runtime_checkable
class AddressedDialect(Dialect, Protocol):
    """A dialect whose bodies name the model, so that they are parsed before there are signatures to decode them by."""

    def read(self, body: bytes | memoryview) -> Addressed:
        """Parses a body. Raises InvalidArgument for an invalid one."""
        ...


@runtime_checkable
class StreamingDialect(Dialect, Protocol):
    """A dialect whose answers may come part by part; `encode` is for requests that want one whole answer. Dialects of
    server-sent events have most of it from `Streams`."""

    event_type: bytes
    """The content type of a stream."""

    def wants_stream(self, decoded: Any) -> bool:
        """Whether this request wants its parts as they come."""
        ...

    def encode_part(self, response: InferResponse, decoded: Any) -> bytes:
        """Encodes one part. Raises BmsError for outputs that this dialect can't carry."""
        ...

    def encode_end(self, response: InferResponse, decoded: Any) -> bytes:
        """Encodes what follows the last part; empty: nothing. The response has no outputs; its `finish` and `tokens`
        are those of the stream."""
        ...

    def encode_error(self, error: BmsError, decoded: Any) -> bytes:
        """Encodes an error after the first part, when the status was already sent."""
        ...

    def gather(self, parts: Sequence[Sequence[Tensor]], decoded: Any) -> Sequence[Tensor]:
        """Joins the parts of an answer into the outputs that `encode` takes, where the client wants one whole answer.
        Raises Unimplemented where this dialect can't say what that is."""
        ...


class Streams:
    """The methods that dialects of server-sent events share, where every request streams, and only parts and errors are
    sent."""

    event_type = EVENT_STREAM

    def wants_stream(self, decoded: Any) -> bool:
        return True

    def encode_end(self, response: InferResponse, decoded: Any) -> bytes:
        return b""  # the end of the body is the end of the stream

    def encode_error(self, error: BmsError, decoded: Any) -> bytes:
        return encode_error_event(error)

    def gather(self, parts: Sequence[Sequence[Tensor]], decoded: Any) -> Sequence[Tensor]:
        raise Unimplemented(IN_A_STREAM)
