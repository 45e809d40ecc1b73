"""Images and texts as they are: predictions for them, and the classes that they are sorted into."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensor import Array
from bms.sdk.binding import D, decode, operation, path_part
from bms.sdk.flow import Flow, Request
from bms.sdk.inference import JSON, Inference, Inputs, Prediction, which

Scored = tuple[str, float]


@dataclass(frozen=True)
class Classes:
    """Class names with their probabilities, for each row in the order of the classes."""

    rows: tuple[tuple[Scored, ...], ...]

    def top(self, count: int = 5, row: int = 0) -> list[Scored]:
        """The most probable classes of a row, best first."""
        return sorted(self.rows[row], key=lambda pair: -pair[1])[:count]


class SignatureInfo(msgspec.Struct, frozen=True):
    """One way to call a served model: "predict", "classify" or "regress", and its tensors' names."""

    method: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class _Definition(msgspec.Struct):
    method_name: str
    inputs: dict[str, object]
    outputs: dict[str, object]


class _Definitions(msgspec.Struct):
    signature_def: dict[str, _Definition]


class _Metadata(msgspec.Struct):
    signature_def: _Definitions


class _Told(msgspec.Struct):
    metadata: _Metadata


class _Results(msgspec.Struct):
    results: tuple[tuple[Scored, ...], ...]


class Contents(Inference[D]):
    """Models that take encoded images or texts, and classifiers of anything."""

    @operation
    def predict_image(
        self, name: str, image: bytes, *, version: int | None = None, alias: str | None = None
    ) -> Flow[Prediction]:
        """What the model answers to an encoded image (JPEG or PNG)."""
        return Inference.predict.flow(self, name, {"image": _row([image])}, version=version, alias=alias)

    @operation
    def predict_text(
        self, name: str, text: str | Sequence[str], *, version: int | None = None, alias: str | None = None
    ) -> Flow[Prediction]:
        """What the model answers to a text, or to several, one row each."""
        texts = [text] if isinstance(text, str) else text
        rows = _row([one.encode() for one in texts])
        return Inference.predict.flow(self, name, {"text": rows}, version=version, alias=alias)

    @operation
    def classify(
        self,
        name: str,
        inputs: Inputs | None = None,
        *,
        text: str | Sequence[str] | None = None,
        image: bytes | None = None,
        version: int | None = None,
        alias: str | None = None,
    ) -> Flow[Classes]:
        """The classes of texts, of an encoded image, or of rows of `inputs` as `predict` takes them; one of these.

        `classify("mood", text="what a day").top(3)`. Raises InvalidArgument for a model that is no classifier.
        """
        if (inputs is not None) + (text is not None) + (image is not None) != 1:
            raise InvalidArgument("give inputs, text or image, exactly one of them")
        if image is not None:
            examples: list[dict[str, object]] = [{"image": {"b64": base64.b64encode(image).decode()}}]
        elif text is not None:
            examples = [{"text": one} for one in ([text] if isinstance(text, str) else text)]
        else:
            tensors = yield from self._tensors(name, inputs if inputs is not None else {}, version)
            examples = _examples(tensors)
        path = f"/v1/models/{path_part(name)}{which(version, alias)}:classify"
        reply = yield from self._infer(path, msgspec.json.encode({"examples": examples}), JSON, None)
        return Classes(decode(reply, _Results).results)

    @operation
    def classify_image(
        self, name: str, image: bytes, *, version: int | None = None, alias: str | None = None
    ) -> Flow[Sequence[Scored]]:
        """Class names and their scores for an encoded image, best first. InvalidArgument for no classifier."""
        found = yield from Contents.classify.flow(self, name, image=image, version=version, alias=alias)
        return found.top(len(found.rows[0]))

    @operation
    def signatures(
        self, name: str, *, version: int | None = None, alias: str | None = None
    ) -> Flow[dict[str, SignatureInfo]]:
        """All ways to call a served model, by their names."""
        path = f"/v1/models/{path_part(name)}{which(version, alias)}/metadata"
        reply = yield from self._retrying(Request("GET", path))
        told = decode(reply, _Told).metadata.signature_def.signature_def
        return {
            name: SignatureInfo(one.method_name.rpartition("/")[2], tuple(one.inputs), tuple(one.outputs))
            for name, one in told.items()
        }


def _row(items: Sequence[bytes]) -> Array:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def _examples(tensors: dict[str, Array]) -> list[dict[str, object]]:
    columns = {name: array.tolist() for name, array in tensors.items()}
    counts = {len(column) if isinstance(column, list) else 0 for column in columns.values()}
    if len(counts) != 1:
        raise InvalidArgument("the inputs have different numbers of rows")
    return [{name: _plain(column[row]) for name, column in columns.items()} for row in range(counts.pop())]


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
