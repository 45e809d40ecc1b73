"""The dialects of HTTP bodies, each a pair: a body to a request and outputs to an answer.

To add one: write its pair in `bms.protocols`, a class like these around it (`dialect.py`), and its line in DIALECTS;
its paths are in `paths.py`.
"""

from typing import Any

from bms.core.errors import InvalidArgument, Unimplemented
from bms.core.ids import new_id
from bms.core.meters import INPUT_TOKENS
from bms.core.tensors.preprocessing import IMAGE, TEXT
from bms.core.tensors.request import InferResponse, Verb
from bms.core.tensors.signature import DEFAULT, EXPLAIN
from bms.core.usage import Quantities
from bms.protocols.kserve.cloud_events import (
    SPECVERSION,
    STRUCTURED,
    Mode,
    answer_body,
    answer_lines,
    check_version,
    event_data,
)
from bms.protocols.mlflow.scoring import decode_invocation, encode_invocation
from bms.protocols.oip import infer as oip
from bms.protocols.oip.generate import decode_generate, encode_event, encode_generate
from bms.protocols.oip.infer import decode_infer, encode_infer
from bms.protocols.oip.kserve_labels import encode_labels, label_request, label_response, with_labels
from bms.protocols.openai import embeddings as openai_embeddings
from bms.protocols.openai.embeddings import (
    ParsedEmbeddings,
    decode_embeddings,
    encode_embeddings,
    read_embeddings,
    tokens_of,
)
from bms.protocols.openai.vocabulary import Vocabulary
from bms.protocols.signature_choice import takes_content
from bms.protocols.tfserving import predict as tfserving
from bms.protocols.tfserving.examples import decode_examples, encode_classify, encode_regress
from bms.protocols.tfserving.predict import (
    check_each_answered,
    decode_content,
    decode_csv,
    decode_predict,
    encode_predict,
)
from bms.serving.pipeline.token_counts import reported_tokens
from bms.serving.pipeline.write_batch import ExchangeAnswer
from bms.web.inference.dialect import Dialect, Fields, Signatures, Streams
from bms.web.inference.http.answers import JSON

_BINARY = b"application/octet-stream"
_CONTENTS = {
    b"image/png": IMAGE,
    b"image/jpeg": IMAGE,
    b"image/webp": IMAGE,
    b"text/plain": TEXT,
}  # a body that is one input as it is
_CSV = b"text/csv"


class OipInfer:
    """The Open Inference Protocol v2: JSON, optionally followed by raw tensors."""

    def decode(self, body: bytes | memoryview, fields: Fields, model: str, signatures: Signatures) -> oip.DecodedInfer:
        length = fields.get(b"inference-header-content-length")
        if length is None:
            return decode_infer(body, None, model, signatures)
        if not (length.isdigit() and len(length) <= 18):
            raise InvalidArgument("Inference-Header-Content-Length must be a number of bytes")
        return decode_infer(body, int(length), model, signatures)

    def encode(self, response: InferResponse, decoded: oip.DecodedInfer, signatures: Signatures) -> ExchangeAnswer:
        body, length = encode_infer(response, decoded)
        if length is None:
            return ExchangeAnswer(body, JSON)
        return ExchangeAnswer(body, _BINARY, b"inference-header-content-length: %d\r\n" % length)


class KserveInfer(OipInfer):
    """The Open Inference Protocol v2 as KServe's servers answer it: for classifiers, labels alone, unless a request
    names its outputs."""

    def decode(self, body: bytes | memoryview, fields: Fields, model: str, signatures: Signatures) -> oip.DecodedInfer:
        return label_request(super().decode(body, fields, model, with_labels(signatures)), signatures)

    def encode(self, response: InferResponse, decoded: oip.DecodedInfer, signatures: Signatures) -> ExchangeAnswer:
        response = label_response(response, decoded, signatures[decoded.request.signature or ""])
        return super().encode(response, decoded, signatures)


class OipGenerate:
    """Triton's generate extension: plain JSON values by name."""

    def decode(self, body: bytes | memoryview, fields: Fields, model: str, signatures: Signatures) -> oip.DecodedInfer:
        return decode_generate(body, model, signatures)

    def encode(self, response: InferResponse, decoded: oip.DecodedInfer, signatures: Signatures) -> ExchangeAnswer:
        return ExchangeAnswer(encode_generate(response), JSON, more=reported_tokens(response.outputs))


class OipGenerateStream(Streams, OipGenerate):
    """Triton's generate_stream: each part an event; its path says that a stream is wanted."""

    def encode_part(self, response: InferResponse, decoded: oip.DecodedInfer) -> bytes:
        return encode_event(response)


class TfsPredict:
    """The predict of TensorFlow Serving, KServe V1 and MLflow; or an image, a text or CSV by its content type. What
    comes in a CloudEvent is answered in one, as KServe does."""

    def decode(
        self, body: bytes | memoryview, fields: Fields, model: str, signatures: Signatures
    ) -> tfserving.DecodedPredict:
        return _of_event(
            _other(body, fields, model, signatures, "predict") or decode_predict(body, model, signatures), fields
        )

    def encode(
        self, response: InferResponse, decoded: tfserving.DecodedPredict, signatures: Signatures
    ) -> ExchangeAnswer:
        check_each_answered(decoded, response, signatures[decoded.request.signature or ""])
        answer = ExchangeAnswer(encode_predict(response, decoded.row_form), JSON)
        return _as_event(answer, decoded.event, response.model) if decoded.event else answer


class KservePredict(TfsPredict):
    """Predict as KServe's servers answer it: for classifiers, labels alone."""

    def encode(
        self, response: InferResponse, decoded: tfserving.DecodedPredict, signatures: Signatures
    ) -> ExchangeAnswer:
        body = encode_labels(response, signatures[decoded.request.signature or ""])
        if body is None:
            return super().encode(response, decoded, signatures)
        return _as_event(ExchangeAnswer(body, JSON), decoded.event, response.model)


class KserveExplain:
    """KServe V1's explain, of models that explain their answers: bodies as of predict, by the signature "explain"."""

    def decode(
        self, body: bytes | memoryview, fields: Fields, model: str, signatures: Signatures
    ) -> tfserving.DecodedPredict:
        """Raises Unimplemented for a model that has no such signature, too."""
        if EXPLAIN not in signatures:
            raise Unimplemented(f"{model[:80]!r} has no explainer: a model that has one has a signature {EXPLAIN!r}")
        only = {DEFAULT: signatures[EXPLAIN]}
        decoded = _other(body, fields, model, only, "predict") or decode_predict(body, model, only)
        decoded.request.signature = EXPLAIN
        return _of_event(decoded, fields)

    def encode(
        self, response: InferResponse, decoded: tfserving.DecodedPredict, signatures: Signatures
    ) -> ExchangeAnswer:
        check_each_answered(decoded, response, signatures[EXPLAIN])
        answer = ExchangeAnswer(encode_predict(response, decoded.row_form, "explanations"), JSON)
        return _as_event(answer, decoded.event, response.model) if decoded.event else answer


class TfsClassify:
    """TensorFlow Serving's classify; or an image, a text or CSV."""

    def decode(
        self, body: bytes | memoryview, fields: Fields, model: str, signatures: Signatures
    ) -> tfserving.DecodedPredict:
        decoded = _other(body, fields, model, signatures, "classify")
        return decoded or decode_examples(body, model, signatures, "classify")

    def encode(
        self, response: InferResponse, decoded: tfserving.DecodedPredict, signatures: Signatures
    ) -> ExchangeAnswer:
        body = encode_classify(response, decoded, signatures[decoded.request.signature or ""])
        return ExchangeAnswer(body, JSON)


class TfsRegress:
    """TensorFlow Serving's regress; or CSV."""

    def decode(
        self, body: bytes | memoryview, fields: Fields, model: str, signatures: Signatures
    ) -> tfserving.DecodedPredict:
        decoded = _other(body, fields, model, signatures, "regress")
        return decoded or decode_examples(body, model, signatures, "regress")

    def encode(
        self, response: InferResponse, decoded: tfserving.DecodedPredict, signatures: Signatures
    ) -> ExchangeAnswer:
        body = encode_regress(response, decoded)
        return ExchangeAnswer(body, JSON)


class MlflowInvocations:
    """MLflow's scoring server: JSON or CSV, answered by predictions in the form of the library's own `predict`."""

    def decode(
        self, body: bytes | memoryview, fields: Fields, model: str, signatures: Signatures
    ) -> tfserving.DecodedPredict:
        return decode_invocation(body, fields.get(b"content-type", b""), model, signatures)

    def encode(
        self, response: InferResponse, decoded: tfserving.DecodedPredict, signatures: Signatures
    ) -> ExchangeAnswer:
        signature = signatures[decoded.request.signature or ""]
        check_each_answered(decoded, response, signature)
        return ExchangeAnswer(encode_invocation(response, decoded, signature), JSON)


class OpenAiEmbeddings:
    """OpenAI's embeddings. `vocabulary` maps its clients' token ids back to texts; None: they are refused."""

    def __init__(self, vocabulary: Vocabulary | None = None) -> None:
        self._vocabulary = vocabulary

    def read(self, body: bytes | memoryview) -> ParsedEmbeddings:
        return read_embeddings(body)

    def decode(
        self, body: Any, fields: Fields, model: str, signatures: Signatures
    ) -> openai_embeddings.DecodedEmbeddings:
        return decode_embeddings(body, model, signatures, self._vocabulary)

    def encode(
        self, response: InferResponse, decoded: openai_embeddings.DecodedEmbeddings, signatures: Signatures
    ) -> ExchangeAnswer:
        tokens = tokens_of(response, decoded)
        more: Quantities = ((INPUT_TOKENS, tokens),) if tokens else ()
        return ExchangeAnswer(encode_embeddings(response, decoded), JSON, more=more)


DIALECTS: dict[str, Dialect] = {  # by action, as in paths.py
    "infer": OipInfer(),
    "generate": OipGenerate(),
    "generate_stream": OipGenerateStream(),
    "predict": TfsPredict(),
    "explain": KserveExplain(),
    "classify": TfsClassify(),
    "regress": TfsRegress(),
    "invocations": MlflowInvocations(),
    "embeddings": OpenAiEmbeddings(),
}
# In place of these, for deployments whose dialect it is.
OF_KSERVE: dict[str, Dialect] = {"predict": KservePredict(), "infer": KserveInfer()}


def _of_event(decoded: tfserving.DecodedPredict, fields: Fields) -> tfserving.DecodedPredict:
    """Records that the request was the data of a CloudEvent whose attributes are headers."""
    if SPECVERSION in fields:
        check_version(fields[SPECVERSION].decode("latin-1"))
        return decoded._replace(event="binary")
    return decoded


def _as_event(answer: ExchangeAnswer, mode: Mode, model: str) -> ExchangeAnswer:
    """Wraps the answer as a CloudEvent, in the mode of the request."""
    if mode == "binary":
        return ExchangeAnswer(answer.body, answer.content_type, answer.headers + answer_lines(model, new_id("ev")))
    if mode == "structured":
        return ExchangeAnswer(answer_body(model, new_id("ev"), answer.body), STRUCTURED)
    return answer


def _other(
    body: bytes | memoryview, fields: Fields, model: str, signatures: Signatures, verb: Verb
) -> tfserving.DecodedPredict | None:
    """Decodes a body that is not JSON by its content type; None for JSON, and where there is no content type."""
    given = fields.get(b"content-type")
    if given is None or given == b"application/json":
        return None
    kind = given.partition(b";")[0].strip().lower()
    if kind == STRUCTURED and verb == "predict":
        return decode_predict(event_data(body), model, signatures)._replace(event="structured")
    if kind == _CSV:
        return decode_csv(body, model, signatures, verb)
    content = _CONTENTS.get(kind)
    if content == TEXT and bytes(body[:64]).lstrip()[:1] == b"{" and takes_content(signatures, TEXT, verb) is None:
        return None  # pages' fetch says so of any string
    return None if content is None else decode_content(body, model, signatures, verb, content)
