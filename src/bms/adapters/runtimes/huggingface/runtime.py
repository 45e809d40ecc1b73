"""The runtime of Hugging Face directories: models that embed texts, or classify them.

Weights are an ONNX graph (run by ONNX Runtime) or safetensors (run by transformers on torch). Nothing is fetched from
anywhere, and no code of the artifact is ever run.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from bms.adapters.runtimes.artifacts.model_file import unexpected
from bms.adapters.runtimes.examples.file import Example
from bms.adapters.runtimes.huggingface.agreement import check_tokenizer
from bms.adapters.runtimes.huggingface.answers import Floats, Scores, normalised, pooled
from bms.adapters.runtimes.huggingface.batch_independence import batch_independence_of, grouped
from bms.adapters.runtimes.huggingface.dense import Dense
from bms.adapters.runtimes.huggingface.directory import TOKENIZER, ModelDirectory, is_huggingface, layout
from bms.adapters.runtimes.huggingface.onnx import OnnxForward
from bms.adapters.runtimes.huggingface.tokenizer_file import open_tokenizer
from bms.adapters.runtimes.huggingface.torch import TorchForward
from bms.adapters.runtimes.servables.called import CalledServable, served
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.preprocessing import TEXT
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Array
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.preparation.tokens import SAMPLES, Encoding, Tokenizer, Tokens, by_length, padded, texts_of
from bms.serving.inference.runtime import Recognition

REQUIREMENTS = {
    "onnx": ("onnxruntime", "tokenizers"),
    "safetensors": ("torch==2.13.0", "transformers>=5,<6", "tokenizers"),
    "": (),  # it is refused, with the reason
}
_TEXTS = (TensorSpec(name=TEXT, dtype="BYTES", shape=(None,)),)


class Forward(Protocol):
    """The port of a transformer's forward pass: the model's FP32 answer to tokens: logits [rows, classes]; or, of an
    encoder, a vector per token [rows, tokens, size], or per text [rows, size] where the model itself makes one. `pad`
    is the token id by which the model knows padding, None where it knows none."""

    @property
    def pad(self) -> int | None: ...

    def __call__(self, tokens: Tokens) -> Floats: ...


class HuggingFaceRuntime:
    """Texts in; `scores` with the labels of config.json, a `value`, or an `embedding` and its count of `tokens` out."""

    name = "huggingface"

    def recognises(self, directory: str) -> Recognition | None:
        if not is_huggingface(directory):
            return None
        found = layout(directory)
        format = f"huggingface-{found.weights}".rstrip("-")
        return Recognition(format, REQUIREMENTS[found.weights], whole=True, refusal=found.refusal)

    def load(self, config: ServableConfig) -> CalledServable:
        if not is_huggingface(config.directory):
            what = "config.json (with a model_type), tokenizer.json, and model.safetensors or model.onnx at the top"
            raise unexpected(config.directory, self, what)
        found = layout(config.directory)
        if found.refusal:
            raise FailedPrecondition(found.refusal)
        tokenizer = open_tokenizer(
            config.directory,
            TOKENIZER,
            found.max_length,
            config.threads,
            settings=found.settings,
            lower=found.pooling.lower,
        )
        forward: Forward = (OnnxForward if found.weights == "onnx" else TorchForward)(config, found)
        if found.weights == "safetensors" and not config.proved:
            check_tokenizer(config.directory, tokenizer, found.max_length, lower=found.pooling.lower)
        answers = TextModelFunction(found, tokenizer, forward)
        format = f"huggingface-{found.weights}"
        example = Example(columns={TEXT: answers.samples})
        servable = served(config, format, answers.call, {DEFAULT: signature_of(found)}, example=example)
        servable.unread = tokenizer.unread
        return servable


class TextModelFunction:
    """The function behind a text model's signature, from texts to outputs."""

    def __init__(self, found: ModelDirectory, tokenizer: Tokenizer, forward: Forward) -> None:
        self._found = found
        self._tokenizer = tokenizer
        self._forward = forward
        known = (forward.pad, found.pad, tokenizer.pad)
        self._pad = next((pad for pad in known if pad is not None), 0)
        self._scores = Scores(found.task, len(found.labels))
        pooling = found.pooling
        self._then = [one.opened() if isinstance(one, Dense) else normalised for one in pooling.then]
        self._prompt = 0 if pooling.include_prompt else prompt_length(tokenizer, pooling.prompt)
        tried = self._encoded(list(SAMPLES))
        self.samples = tuple(text for text, one in zip(SAMPLES, tried, strict=True) if one.ids)
        if not self.samples:
            raise FailedPrecondition(f"{TOKENIZER!r} makes no tokens of any of {', '.join(map(repr, SAMPLES))}")
        self._independence = batch_independence_of(self._answered, tried)

    def call(self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...]) -> dict[str, Array]:
        encodings = self._encoded(texts_of(inputs[TEXT]))
        for number, one in enumerate(encodings, start=1):
            if not one.ids:
                raise InvalidArgument(f"text {number} of {len(encodings)} has no tokens: there is nothing to answer to")
        groups = grouped([len(encoding.ids) for encoding in encodings], self._independence, by_length)
        made = [self._answered([encodings[row] for row in group]) for group in groups]
        if len(made) == 1 and groups[0] == sorted(groups[0]):
            return made[0]
        back = np.argsort(np.concatenate(groups))
        return {name: np.concatenate([part[name] for part in made])[back] for name in made[0]}

    def _encoded(self, texts: list[str]) -> Sequence[Encoding]:
        prompt = self._found.pooling.prompt
        return self._tokenizer.encode([prompt + text for text in texts] if prompt else texts)

    def _answered(self, encodings: Sequence[Encoding]) -> dict[str, Array]:
        """Of rows that run together."""
        found = self._found
        tokens = padded(encodings, self._pad)
        answer = self._forward(tokens)
        if found.task != "embed":
            return self._scores(answer)
        counts = tokens.mask.sum(axis=1, dtype=np.int32)
        if answer.ndim == 2:  # the graph has all that comes behind it built in
            return {"embedding": answer[:, : found.pooling.size], "tokens": counts}
        vectors = pooled(answer, tokens.mask, found.pooling.ways, self._prompt)
        for step in self._then:
            vectors = step(vectors)
        return {"embedding": vectors[:, : found.pooling.size], "tokens": counts}


def prompt_length(tokenizer: Tokenizer, prompt: str) -> int:
    """Counts a prompt's tokens, the special ones before it included, as sentence-transformers does."""
    if not prompt:
        return 0
    empty, alone = tokenizer.encode(["", prompt])
    closing = bool(empty.ids) and bool(alone.ids) and empty.ids[-1] == alone.ids[-1]
    return len(alone.ids) - closing


def signature_of(found: ModelDirectory) -> Signature:
    """The signature of a text model; an encoder's outputs are found by running it."""
    count = len(found.labels)
    if found.task == "embed":
        return Signature(inputs=_TEXTS)
    if found.task == "regress":
        value = TensorSpec(name="value", dtype="FP32", shape=(None, count))
        return Signature(inputs=_TEXTS, outputs=(value,), method="regress" if count == 1 else "predict")
    scores = TensorSpec(name="scores", dtype="FP32", shape=(None, count))
    return Signature(inputs=_TEXTS, outputs=(scores,), method="classify", scores="scores", labels=found.labels)
