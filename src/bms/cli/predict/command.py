"""`bms predict`: sends a prediction to a served model."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from bms.cli.command import CommandSession, command
from bms.cli.predict.answer import show, show_parts, show_rows, warnings_to_stderr
from bms.cli.predict.data import existing, is_table, parameters, read_data, typed, with_bytes
from bms.cli.predict.example_command import example_of
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.sdk.contents import Classes
from bms.sdk.tables.csv_cells import CsvCells

app = typer.Typer(add_completion=False)
_TOP = 5  # classes that are shown


@command(app)
def predict(
    session: CommandSession,
    name: Annotated[str, typer.Argument(help="The deployment's name.")],
    data: Annotated[
        str | None,
        typer.Option(
            help="Rows as JSON, or inputs by name; or a file: .json, .jsonl, .csv with a header, .npy, .npz; -: stdin."
        ),
    ] = None,
    image: Annotated[Path | None, typer.Option(help="An image file (JPEG, PNG, WebP).")] = None,
    text: Annotated[str | None, typer.Option(help="A text, or - for stdin.")] = None,
    example: Annotated[
        bool,
        typer.Option(
            "--example",
            help="Send the first row that the version was verified with: its maker's example, or a synthetic one.",
        ),
    ] = False,
    top: Annotated[
        int | None,
        typer.Option(
            help="How many classes to show of an image or a text, where the model tells classes; by default 5.", min=1
        ),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Print outputs as they are, also of a classifier.")] = False,
    version: Annotated[int | None, typer.Option(help="Ask this version.")] = None,
    alias: Annotated[str | None, typer.Option(help="Ask the version that this alias points at.")] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            help="A parameter that the model takes beside its inputs, NAME=VALUE, the value as JSON or as a text; "
            "repeatable. With --data or --example."
        ),
    ] = None,
    sequence: Annotated[
        str | None,
        typer.Option(
            help="The sequence that this is a step of, a number or a text, for models that keep something from one "
            "request to the next. With --data or --example."
        ),
    ] = None,
    start: Annotated[bool, typer.Option("--start", help="With --sequence: its first step.")] = False,
    end: Annotated[bool, typer.Option("--end", help="With --sequence: its last step.")] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Show each part of an answer as the model gives it; with --data.")
    ] = False,
) -> None:
    """Ask a served model: `bms predict digits --data '[[0, 1, …]]'`, `--image digit.png` or `--text 'a sentence'`.

    Rows of names and values (`--data rows.csv`) go to a model that takes a table; the answers are a table, too. A
    classifier of images or texts answers with class names and their probabilities, best first. `--stream` shows what a
    model says word by word as it says it.
    """
    if (data is not None) + (image is not None) + (text is not None) + example != 1:
        raise InvalidArgument("give --data, --image, --text or --example, exactly one of them")
    client = session.client
    params = parameters(param or [])
    if params and (stream or (data is None and not example)):
        raise InvalidArgument("--param goes with --data or --example, and not with --stream")
    if sequence is None and (start or end):
        raise InvalidArgument("--start and --end go with --sequence")
    if sequence is not None and (stream or (data is None and not example)):
        raise InvalidArgument("--sequence goes with --data or --example, and not with --stream")
    if stream:
        if data is None and not example:
            raise InvalidArgument('--stream takes the model\'s inputs by --data, such as \'{"prompt": ["to be"]}\'')
        with warnings_to_stderr():
            given = (
                _example(session, name, version, alias) if data is None else _read(session, name, data, version, alias)
            )
            show_parts(session, client.predict_stream(name, given, version=version, alias=alias))
        return
    if data is not None or example:
        given = _example(session, name, version, alias) if data is None else _read(session, name, data, version, alias)
        with warnings_to_stderr():
            prediction = client.predict(
                name,
                given,
                version=version,
                alias=alias,
                params=params,
                sequence_id=None if sequence is None else _sequence_id(sequence),
                sequence_start=start,
                sequence_end=end,
            )
        (show_rows if is_table(given) else show)(session, prediction)
        if top is not None:
            _without_top("it goes with --image or --text")
        return
    content = existing(image).read_bytes() if image is not None else None
    words = sys.stdin.read() if text == "-" else text
    if tells := _tells_classes(session, name, "text" if content is None else "image", version, alias) and not raw:
        classes = client.classify(name, text=words, image=content, version=version, alias=alias)
        _show_classes(session, classes, top or _TOP)
    elif content is not None:
        show(session, client.predict_image(name, content, version=version, alias=alias))
    else:
        show(session, client.predict_text(name, str(words), version=version, alias=alias))
    if top is not None and not tells:
        _without_top("--raw shows all outputs" if raw else f"{name} does not tell classes with scores")


def _without_top(why: str) -> None:
    typer.echo(f"bms: --top was not needed: {why}", err=True)


def _read(session: CommandSession, name: str, data: str, version: int | None, alias: str | None) -> Any:
    """As `Client.predict` takes it: CSV in the types that the model takes."""
    given = read_data(data)
    if not isinstance(given, CsvCells):
        return given
    return typed(given, session.client.metadata(name, version=version, alias=alias).inputs)


def _sequence_id(text: str) -> int | str:
    """Digits are a number, which is another id than their text."""
    return int(text) if text.isascii() and text.isdigit() else text


def _example(session: CommandSession, name: str, version: int | None, alias: str | None) -> Any:
    """Of the version that is asked. Raises FailedPrecondition where none is served."""
    status = session.client.deployments.status(name)
    number = version
    if alias is not None:
        number = session.client.models.alias(status.model, alias).version
    elif number is None and status.traffic:
        number = max(status.traffic, key=lambda part: part.weight).version
    if number is None:
        raise FailedPrecondition(f"{name} serves no version yet: {status.message}")
    return with_bytes(example_of(session, session.client.models.version(status.model, number)))


def _tells_classes(session: CommandSession, name: str, content: str, version: int | None, alias: str | None) -> bool:
    """Raises InvalidArgument for a model that takes no such content."""
    ways = session.client.signatures(name, version=version, alias=alias).values()
    if not any(content in one.inputs for one in ways):
        taken = " or ".join(", ".join(map(repr, one.inputs)) for one in ways)
        raise InvalidArgument(
            f"{name!r} has no input {content!r}, which --{content} is for: it takes {taken[:300]}: give that by --data"
        )
    return any(one.method == "classify" and one.inputs == (content,) for one in ways)


def _show_classes(session: CommandSession, classes: Classes, top: int) -> None:
    """As JSON all of them."""
    shown = classes.top(len(classes.rows[0]) if session.out.json else top)
    columns = {"CLASS": lambda pair: pair[0], "PROBABILITY": lambda pair: f"{pair[1]:.6f}"}
    session.out.many(shown, columns, "no classes")
