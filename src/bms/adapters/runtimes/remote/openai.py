"""Forwards to upstreams that speak OpenAI's protocol: embeddings, and chat completions as they are generated.

Source: https://platform.openai.com/docs/api-reference. The upstream's URL is what its clients call the base URL, for
example https://api.example.com/v1.
"""

from collections.abc import Generator, Iterator, Mapping

import msgspec
import numpy as np

from bms.adapters.runtimes.remote.http import Http, excerpt
from bms.adapters.runtimes.servables.declared import completed_signature
from bms.core.errors import BmsError, FailedPrecondition, Internal, InvalidArgument, Unavailable
from bms.core.serving.upstreams import Upstream
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Array
from bms.serving.engines.engine import End, EngineRequest
from bms.serving.engines.threads import CancellationHook, Run, ThreadEngine

GENERATE = "generate"
TRIAL = "ok"
_BLANK = " "  # in place of an empty text, which most upstreams refuse


class _Embedding(msgspec.Struct, frozen=True):
    index: int
    embedding: tuple[float, ...]


class _Usage(msgspec.Struct, frozen=True):
    """The token counts of a request as a whole. An impossible count is ignored: upstreams may send anything."""

    prompt_tokens: object = None
    completion_tokens: object = None


class _Embeddings(msgspec.Struct, frozen=True):
    data: tuple[_Embedding, ...]
    usage: _Usage | None = None


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta = _Delta()
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, frozen=True):
    """A piece of a stream; the usage is its last one's, where the upstream was asked for it and sends it. `error` is
    what came in between: then there is no more."""

    choices: tuple[_Choice, ...] | None = None
    usage: _Usage | None = None
    error: object = None


_embeddings = msgspec.json.Decoder(_Embeddings)
_chunk = msgspec.json.Decoder(_Chunk)


class _Remote:
    """Base class of both servables: each request is a call of its own."""

    format = "upstream"

    def __init__(self, http: Http, upstream: Upstream, run: Run, streaming: frozenset[str] = frozenset()) -> None:
        self._http: Http | None = http
        self._model = upstream.model
        self.engine = ThreadEngine(run, upstream.concurrency, streaming)

    def close(self) -> None:
        self.engine.close()
        http, self._http = self._http, None
        if http is not None:
            http.close()

    @property
    def _open(self) -> Http:
        if self._http is None:
            raise FailedPrecondition("this servable is closed")
        return self._http


class EmbeddingsServable(_Remote):
    """Embeddings of an upstream. `text` BYTES [-1] → `embedding` FP32 [-1, d] and `tokens` INT32 [-1].

    Upstreams count tokens of a request as a whole: its texts have their share by length, and add up to the count.
    """

    def __init__(self, http: Http, upstream: Upstream, declared: Mapping[str, Signature]) -> None:
        """Asks for one embedding. Raises FailedPrecondition when it can't be had, or `declared` does not fit it."""
        super().__init__(http, upstream, self._answered)
        try:
            vectors, _ = self._embed([TRIAL])
        except BmsError as error:
            raise FailedPrecondition(error.message) from error
        found = Signature(
            inputs=(TensorSpec(name="text", dtype="BYTES", shape=(None,)),),
            outputs=(
                TensorSpec(name="embedding", dtype="FP32", shape=(None, vectors.shape[1])),
                TensorSpec(name="tokens", dtype="INT32", shape=(None,)),
            ),
        )
        self.signatures = {name: completed_signature(name, one, found) for name, one in declared.items()} or {
            DEFAULT: found
        }

    def infer(self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...] = ()) -> dict[str, Array]:
        return self._embedded(EngineRequest(signature, inputs, outputs), None)[0]

    def _answered(self, request: EngineRequest, off: CancellationHook) -> Generator[dict[str, Array], None, End]:
        outputs, tokens = self._embedded(request, off)
        yield outputs
        return End(input_tokens=tokens)

    def _embedded(self, request: EngineRequest, off: CancellationHook | None) -> tuple[dict[str, Array], int | None]:
        """The outputs, and how many tokens the upstream counted."""
        texts = [_text(item) for item in request.inputs["text"]]
        vectors, tokens = self._embed(texts, off)
        width = self.signatures[request.signature].output("embedding").shape[1]
        if vectors.shape[1] != width:
            raise Internal(f"the upstream's embeddings have {vectors.shape[1]} numbers, and had {width} before")
        given: dict[str, Array] = {"embedding": vectors, "tokens": _shares(tokens or 0, texts)}
        return {name: given[name] for name in request.outputs or ("embedding", "tokens")}, tokens

    def _embed(self, texts: list[str], off: CancellationHook | None = None) -> tuple[Array, int | None]:
        body = {"model": self._model, "input": [text or _BLANK for text in texts], "encoding_format": "float"}
        content = self._open.json("POST", "/embeddings", msgspec.json.encode(body), off)
        try:
            found = _embeddings.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Internal(f"the upstream's embeddings can't be read: {str(error)[:200]}") from None
        rows = sorted(found.data, key=lambda row: row.index)
        if [row.index for row in rows] != list(range(len(texts))):
            raise Internal(f"the upstream gave {len(rows)} embeddings for {len(texts)} texts")
        lengths = sorted({len(row.embedding) for row in rows})
        if len(lengths) != 1 or not lengths[0]:
            raise Internal(f"the upstream's embeddings have {' and '.join(map(str, lengths))} numbers each")
        with np.errstate(over="ignore"):
            vectors = np.array([row.embedding for row in rows], dtype=np.float32)
        if not np.isfinite(vectors).all():
            raise Internal("the upstream's embeddings hold numbers beyond those of FP32")
        return vectors, None if found.usage is None else _count(found.usage.prompt_tokens)


class GenerateServable(_Remote):
    """Chat completions of an upstream. `text` BYTES [1], a prompt → `text` BYTES [1], piece by piece. An empty prompt
    is answered by one empty piece, without asking anybody: that is how platforms warm up, and upstreams are paid."""

    streaming = frozenset({GENERATE})

    def __init__(self, http: Http, upstream: Upstream, declared: Mapping[str, Signature]) -> None:
        """Has one token generated. Raises FailedPrecondition when that can't be had, or `declared` does not fit."""
        super().__init__(http, upstream, self._answered, self.streaming)
        text = (TensorSpec(name="text", dtype="BYTES", shape=(1,)),)
        found = Signature(inputs=text, outputs=text, batched=False)
        if declared.keys() - self.streaming:
            raise FailedPrecondition(f"this upstream has the signature {GENERATE!r} alone")
        self.signatures = {name: completed_signature(name, one, found) for name, one in declared.items()} or {
            GENERATE: found
        }
        self._more: dict[str, object] = {"stream_options": {"include_usage": True}}
        try:
            try:
                self._try()
            except InvalidArgument:  # there are servers that don't know the option, and those that count unasked
                self._more = {}
                self._try()
        except BmsError as error:
            raise FailedPrecondition(error.message) from error

    def infer(self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...] = ()) -> dict[str, Array]:
        """Generates the whole answer."""
        return {
            "text": np.array([b"".join(piece["text"][0] for piece in self.stream(signature, inputs))], dtype=object)
        }

    def stream(
        self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...] = ()
    ) -> Iterator[dict[str, Array]]:
        yield from self._answered(EngineRequest(signature, inputs, outputs), None)

    def _answered(self, request: EngineRequest, off: CancellationHook | None) -> Generator[dict[str, Array], None, End]:
        prompt = _text(request.inputs["text"][0])
        if not prompt:
            yield _piece("")
            return End()
        return (yield from self._pieces(prompt, off))

    def _try(self) -> None:
        for _ in self._pieces(TRIAL, None, max_tokens=1):
            pass

    def _pieces(
        self, prompt: str, off: CancellationHook | None, **more: object
    ) -> Generator[dict[str, Array], None, End]:
        message = {"role": "user", "content": prompt}
        body = {"model": self._model, "messages": [message], "stream": True, **self._more, **more}
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        finish: str | None = None
        usage = _Usage()
        for data in _events(self._open.stream("POST", "/chat/completions", msgspec.json.encode(body), headers, off)):
            if data == b"[DONE]":
                break
            try:
                chunk = _chunk.decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise Internal(f"a piece of the upstream's stream can't be read: {str(error)[:200]}") from None
            if chunk.error is not None:
                raise Internal(f"the upstream ended its answer with an error{_error_excerpt(chunk.error)}")
            usage = chunk.usage or usage
            for choice in (chunk.choices or ())[:1]:
                finish = choice.finish_reason if finish is None else finish
                if choice.delta.content:
                    yield _piece(choice.delta.content)
        else:
            if finish is None:
                raise Unavailable("the upstream broke its answer off")
        return End(finish or "", _count(usage.prompt_tokens), _count(usage.completion_tokens))


def _events(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The data of each server-sent event: its lines, up to an empty one. Servers that leave empty lines out are
    understood where each line is a whole value.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    data = b""
    for line in lines:
        if line.startswith(b"data:"):
            if data and _whole(data):
                yield data
                data = b""
            more = line.removeprefix(b"data:").strip()
            data = data + b"\n" + more if data else more
        elif not line and data:
            yield data
            data = b""
    if data:
        yield data


def _whole(data: bytes) -> bool:
    if data == b"[DONE]":
        return True
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _error_excerpt(error: object) -> str:
    """A short excerpt of an upstream's error."""
    told = error.get("message") if isinstance(error, dict) else error
    return excerpt(told.encode()) if isinstance(told, str) else ""


def _count(told: object) -> int | None:
    """Tokens, of one request; None for what can't be their number."""
    if isinstance(told, float) and told.is_integer():
        told = int(told)
    return told if isinstance(told, int) and not isinstance(told, bool) and 0 <= told < 1 << 31 else None


def _piece(text: str) -> dict[str, Array]:
    return {"text": np.array([text.encode()], dtype=object)}


def _text(item: object) -> str:
    """Raises InvalidArgument for what is not UTF-8."""
    try:
        return item.decode() if isinstance(item, bytes) else str(item)
    except UnicodeDecodeError:
        raise InvalidArgument("input 'text' is not UTF-8") from None


def _shares(tokens: int, texts: list[str]) -> Array:
    """INT32, one for each text, `tokens` altogether."""
    ends = np.cumsum([len(text) + 1 for text in texts])
    bounds = np.round(ends * (tokens / ends[-1])).astype(np.int32)
    shares: Array = np.diff(bounds, prepend=np.int32(0)).astype(np.int32)
    return shares
