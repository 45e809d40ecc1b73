"""`bms predict`: asks a served model."""

import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import typer

from bms.cli.commands import Session, command
from bms.core.errors import InvalidArgument, NotFound
from bms.sdk.inference import Prediction

app = typer.Typer(add_completion=False)


@command(app)
def predict(
    session: Session,
    name: Annotated[str, typer.Argument(help="The deployment's name.")],
    data: Annotated[
        str | None, typer.Option(help="Rows as JSON, or inputs by name; or a file of it, .npy, .npz; or - for stdin.")
    ] = None,
    image: Annotated[Path | None, typer.Option(help="An image file (JPEG, PNG).")] = None,
    classify: Annotated[bool, typer.Option(help="With --image: class names and scores, best first.")] = False,
    version: Annotated[int | None, typer.Option(help="Ask this version.")] = None,
    alias: Annotated[str | None, typer.Option(help="Ask what this alias names.")] = None,
) -> None:
    """Ask a served model: `bms predict digits --data '[[0, 1, …]]'` or `--image digit.png --classify`."""
    if (data is None) == (image is None):
        raise InvalidArgument("give --data or --image, exactly one of them")
    client = session.client
    if image is not None:
        content = _read(image)
        if classify:
            scores = client.classify_image(name, content, version=version, alias=alias)
            columns = {"CLASS": lambda pair: pair[0], "SCORE": lambda pair: f"{pair[1]:.6f}"}
            session.out.many(scores, columns, "no classes")
            return
        prediction = client.predict_image(name, content, version=version, alias=alias)
    else:
        prediction = client.predict(name, read_data(str(data)), version=version, alias=alias)
    _show(session, prediction)


def read_data(text: str) -> Any:
    """Inputs as `Client.predict` takes them. Raises InvalidArgument for what is neither JSON nor such a file."""
    if text == "-":
        return _from_json(sys.stdin.buffer.read(), "stdin")
    if text.lstrip()[:1] in ("[", "{") or _is_number(text):
        return _from_json(text.encode(), "--data")
    path = Path(text)
    if path.suffix in (".npy", ".npz"):
        return _arrays(_existing(path))
    return _from_json(_read(path), text)


def _arrays(path: Path) -> Any:
    try:
        loaded = np.load(path, allow_pickle=False)
        return loaded if isinstance(loaded, np.ndarray) else dict(loaded)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise InvalidArgument(f"{path} holds no arrays that can be read: {error}") from None


def _from_json(content: bytes, where: str) -> Any:
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"{where} is not JSON: {error}") from None
    if isinstance(value, Mapping):
        for wrapped in ("instances", "inputs"):  # as in a request's body
            if set(value) == {wrapped}:
                return value[wrapped]
    return value


def _is_number(text: str) -> bool:
    return text.strip().lstrip("-").replace(".", "", 1).isdecimal()


def _read(path: Path) -> bytes:
    return _existing(path).read_bytes()


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise NotFound(f"there is no file {str(path)!r}, and it is no JSON either")
    return path


def _show(session: Session, prediction: Prediction) -> None:
    outputs = {name: _listed(array) for name, array in prediction.outputs.items()}
    if session.out.json:
        session.out.raw({"version": prediction.version, "outputs": outputs})
        return
    for name, array in prediction.outputs.items():
        session.out.say(f"{name}  {array.dtype} {list(array.shape)}")
        session.out.say(np.array2string(array, threshold=1000, max_line_width=120))


def _listed(array: Any) -> Any:
    """What JSON can hold: bytes as text, numbers as they are."""
    if array.dtype.kind != "O":
        return np.ascontiguousarray(array)
    items = [item.decode(errors="replace") if isinstance(item, bytes) else item for item in array.ravel()]
    return np.array(items, dtype=object).reshape(array.shape).tolist()
