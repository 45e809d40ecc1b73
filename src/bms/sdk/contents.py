"""Predictions for images and texts as they are, and class names with probabilities instead of arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from bms.core.errors import InvalidArgument, NotFound
from bms.core.tensors.tensor import Array
from bms.sdk.binding.resources import D, decode, operation, path_part
from bms.sdk.inference import JSON, Inference, Inputs, Prediction, PredictOptions, version_segment
from bms.sdk.notes import CallSite, call_site
from bms.sdk.predictions.bodies import encode_examples
from bms.sdk.predictions.served import SavedModelInfo, SignatureInfo
from bms.sdk.transport.flow import ClientRequest, Flow, locally

Scored = tuple[str, float]
Image = bytes | bytearray | str | Path  # encoded, or the path of a file that is


@dataclass(frozen=True)
class Classes:
    """The classes that a classifier found for each row, with their probabilities."""

    rows: tuple[tuple[Scored, ...], ...]

    def top(self, count: int = 5, row: int = 0) -> list[Scored]:
        """The most probable classes of a row, best first."""
        return sorted(self.rows[row], key=lambda pair: -pair[1])[:count]


class _Results(msgspec.Struct):
    results: tuple[tuple[Scored, ...], ...]


class Contents(Inference[D]):
    """Predictions for models that take encoded images or texts, and for classifiers."""

    @operation
    def predict_image(
        self, name: str, image: Image, *, version: int | None = None, alias: str | None = None
    ) -> Flow[Prediction]:
        """Predicts for one encoded image (JPEG, PNG or WebP): its bytes, or the path of its file. Raises NotFound where
        that is none."""
        return self._predict_image(name, image, PredictOptions(version, alias, None, "raw", None), call_site())

    def _predict_image(self, name: str, image: Image, asked: PredictOptions, site: CallSite) -> Flow[Prediction]:
        content = yield from locally(partial(_encoded, image))
        return (yield from self._predict(name, {"image": _row([content])}, asked, site))

    @operation
    def predict_text(
        self, name: str, text: str | Sequence[str], *, version: int | None = None, alias: str | None = None
    ) -> Flow[Prediction]:
        """Predicts for a text, or for several, one row each. Raises InvalidArgument for a model without an input
        `text`: `predict` gives any by its name."""
        return self._predict_text(name, _texts(text), PredictOptions(version, alias, None, "raw", None), call_site())

    def _predict_text(self, name: str, texts: Array, asked: PredictOptions, site: CallSite) -> Flow[Prediction]:
        try:
            return (yield from self._predict(name, {"text": texts}, asked, site))
        except InvalidArgument as error:
            version = asked.version
            if asked.alias is not None:
                version = yield from self._version_of(name, asked.alias)
            taken = (yield from self._metadata(name, version)).inputs
            if not taken or any(one.name == "text" for one in taken):
                raise
            raise InvalidArgument(
                f"predict_text gives {len(texts)} texts as the input 'text', and model {name!r} takes "
                f"{', '.join(map(str, taken))}: give them by name, predict({name!r}, {{{taken[0].name!r}: …}}); the "
                f"server answered: {error.message}"
            ) from None

    @operation
    def classify(
        self,
        name: str,
        inputs: Inputs | None = None,
        *,
        text: str | Sequence[str] | None = None,
        image: Image | None = None,
        version: int | None = None,
        alias: str | None = None,
    ) -> Flow[Classes]:
        """Classifies texts, an encoded image, or rows of `inputs` as `predict` takes them; give one of these.

        `classify("mood", text="what a day").top(3)`. Raises InvalidArgument for a model that is no classifier.
        """
        if (inputs is not None) + (text is not None) + (image is not None) != 1:
            raise InvalidArgument("give inputs, text or image, exactly one of them")
        asked, site = PredictOptions(version, alias, None, "tfserving", None), call_site()
        if image is not None:
            return self._classify_image(name, image, asked, site)
        return self._classify(name, inputs if text is None else {"text": _texts(text)}, asked, site)

    def _classify_image(self, name: str, image: Image, asked: PredictOptions, site: CallSite) -> Flow[Classes]:
        content = yield from locally(partial(_encoded, image))
        return (yield from self._classify(name, {"image": _row([content])}, asked, site))

    def _classify(self, name: str, inputs: Inputs, asked: PredictOptions, site: CallSite) -> Flow[Classes]:
        body = encode_examples((yield from self._sent(name, inputs, asked, asked.version)))
        path = f"/v1/models/{path_part(name)}{version_segment(asked.version, asked.alias)}:classify"
        reply = yield from self._infer(path, body, JSON, None, site)
        return Classes(decode(reply, _Results).results)

    @operation
    def classify_image(
        self, name: str, image: Image, *, version: int | None = None, alias: str | None = None
    ) -> Flow[Sequence[Scored]]:
        """Classifies an encoded image, its bytes or the path of its file: class names and scores, best first. Raises
        InvalidArgument for no classifier."""
        return self._best(name, image, PredictOptions(version, alias, None, "tfserving", None), call_site())

    def _best(self, name: str, image: Image, asked: PredictOptions, site: CallSite) -> Flow[Sequence[Scored]]:
        found = yield from self._classify_image(name, image, asked, site)
        return found.top(len(found.rows[0]))

    @operation
    def signatures(
        self, name: str, *, version: int | None = None, alias: str | None = None
    ) -> Flow[dict[str, SignatureInfo]]:
        """All signatures of a served model, by name."""
        path = f"/v1/models/{path_part(name)}{version_segment(version, alias)}/metadata"
        reply = yield from self._retrying(ClientRequest("GET", path))
        return decode(reply, SavedModelInfo).signatures()


def _encoded(image: Image) -> bytes:
    """Raises NotFound for a path where no file is, InvalidArgument for what is neither a path nor bytes."""
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    if not isinstance(image, str | Path):
        raise InvalidArgument(
            f"the image is a {type(image).__name__}, expected the bytes of a JPEG, PNG or WebP file, or its path; "
            "`predict` takes arrays"
        )
    try:
        return Path(image).read_bytes()
    except FileNotFoundError:
        raise NotFound(f"there is no file {str(image)[:200]!r} to be the image") from None
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"no image can be read from {str(image)[:200]!r}: {error}") from None


def _texts(text: str | Sequence[str]) -> Array:
    texts: list[object] = [text] if isinstance(text, str) else list(text)
    wrong = next((one for one in texts if not isinstance(one, str)), None)
    if wrong is not None:
        raise InvalidArgument(f"a text is a {type(wrong).__name__}, expected str, or several in a list")
    return _row([str(one).encode() for one in texts])


def _row(items: Sequence[bytes]) -> Array:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array
