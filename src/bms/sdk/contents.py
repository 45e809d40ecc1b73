"""Images and texts as they are: predictions for them, and the classes that they are sorted into."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensor import Array
from bms.sdk.binding import D, decode, operation, path_part
from bms.sdk.flow import Flow, Request
from bms.sdk.infer_bodies import encode_examples
from bms.sdk.inference import JSON, Asked, Inference, Inputs, Prediction, which
from bms.sdk.notes import CallSite, call_site
from bms.sdk.served import SavedModelInfo, SignatureInfo

Scored = tuple[str, float]


@dataclass(frozen=True)
class Classes:
    """Class names with their probabilities, for each row in the order of the classes."""

    rows: tuple[tuple[Scored, ...], ...]

    def top(self, count: int = 5, row: int = 0) -> list[Scored]:
        """The most probable classes of a row, best first."""
        return sorted(self.rows[row], key=lambda pair: -pair[1])[:count]


class _Results(msgspec.Struct):
    results: tuple[tuple[Scored, ...], ...]


class Contents(Inference[D]):
    """Models that take encoded images or texts, and classifiers of anything."""

    @operation
    def predict_image(
        self, name: str, image: bytes, *, version: int | None = None, alias: str | None = None
    ) -> Flow[Prediction]:
        """What the model answers to an encoded image (JPEG, PNG or WebP)."""
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
        content: object = inputs
        if image is not None:
            content = {"image": _row([image])}
        elif text is not None:
            content = {"text": _row([one.encode() for one in ([text] if isinstance(text, str) else text)])}
        return self._classify(name, content, Asked(version, alias, None, "tfserving", None), call_site())

    def _classify(self, name: str, inputs: Inputs, asked: Asked, site: CallSite) -> Flow[Classes]:
        body = encode_examples((yield from self._sent(name, inputs, asked, asked.version)))
        path = f"/v1/models/{path_part(name)}{which(asked.version, asked.alias)}:classify"
        reply = yield from self._infer(path, body, JSON, None, site)
        return Classes(decode(reply, _Results).results)

    @operation
    def classify_image(
        self, name: str, image: bytes, *, version: int | None = None, alias: str | None = None
    ) -> Flow[Sequence[Scored]]:
        """Class names and their scores for an encoded image, best first. InvalidArgument for no classifier."""
        asked = Asked(version, alias, None, "tfserving", None)
        return self._best(name, {"image": _row([image])}, asked, call_site())

    def _best(self, name: str, inputs: Inputs, asked: Asked, site: CallSite) -> Flow[Sequence[Scored]]:
        found = yield from self._classify(name, inputs, asked, site)
        return found.top(len(found.rows[0]))

    @operation
    def signatures(
        self, name: str, *, version: int | None = None, alias: str | None = None
    ) -> Flow[dict[str, SignatureInfo]]:
        """All ways to call a served model, by their names."""
        path = f"/v1/models/{path_part(name)}{which(version, alias)}/metadata"
        reply = yield from self._retrying(Request("GET", path))
        return decode(reply, SavedModelInfo).signatures()


def _row(items: Sequence[bytes]) -> Array:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array
