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
from bms.sdk.contents import Classes
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
    text: Annotated[str | None, typer.Option(help="A text, or - for stdin.")] = None,
    top: Annotated[int, typer.Option(help="How many classes to show, where the model tells classes.", min=1)] = 5,
    raw: Annotated[bool, typer.Option("--raw", help="Its outputs as they are, where it tells classes, too.")] = False,
    version: Annotated[int | None, typer.Option(help="Ask this version.")] = None,
    alias: Annotated[str | None, typer.Option(help="Ask what this alias names.")] = None,
) -> None:
    """Ask a served model: `bms predict digits --data '[[0, 1, …]]'`, `--image digit.png` or `--text 'a sentence'`.

    A classifier of images or texts answers with class names and their probabilities, best first.
    """
    if (data is not None) + (image is not None) + (text is not None) != 1:
        raise InvalidArgument("give --data, --image or --text, exactly one of them")
    client = session.client
    if data is not None:
        _show(session, client.predict(name, read_data(data), version=version, alias=alias))
        return
    content = _read(image) if image is not None else None
    words = sys.stdin.read() if text == "-" else text
    if not raw and _tells_classes(session, name, "text" if content is None else "image", version, alias):
        classes = client.classify(name, text=words, image=content, version=version, alias=alias)
        _show_classes(session, classes, top)
    elif content is not None:
        _show(session, client.predict_image(name, content, version=version, alias=alias))
    else:
        _show(session, client.predict_text(name, str(words), version=version, alias=alias))


def _tells_classes(session: Session, name: str, content: str, version: int | None, alias: str | None) -> bool:
    ways = session.client.signatures(name, version=version, alias=alias).values()
    return any(one.method == "classify" and one.inputs == (content,) for one in ways)


def _show_classes(session: Session, classes: Classes, top: int) -> None:
    """As JSON all of them."""
    shown = classes.top(len(classes.rows[0]) if session.out.json else top)
    columns = {"CLASS": lambda pair: pair[0], "PROBABILITY": lambda pair: f"{pair[1]:.6f}"}
    session.out.many(shown, columns, "no classes")


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
        texts = array.dtype.kind == "O"
        session.out.say(f"{name}  {'text' if texts else array.dtype} {list(array.shape)}")
        shown = np.array(outputs[name], dtype=object) if texts else array
        session.out.say(np.array2string(shown, threshold=1000, max_line_width=120))


def _listed(array: Any) -> Any:
    """What JSON can hold: bytes as text, numbers as they are."""
    if array.dtype.kind != "O":
        return np.ascontiguousarray(array)
    items = [item.decode(errors="replace") if isinstance(item, bytes) else item for item in array.ravel()]
    return np.array(items, dtype=object).reshape(array.shape).tolist()
