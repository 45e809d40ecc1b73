"""`bms dataset`: imports, lists and deletes data sets and their versions."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from bms.cli.command import CommandSession, command, noun
from bms.cli.confirmation import Yes, be_sure
from bms.cli.options.values import parse_numbers
from bms.cli.pages.dataset_page import show_version
from bms.core.errors import InvalidArgument, NotFound
from bms.core.workloads.resources import size_text

app = noun("Data sets and their versions.")
Name = Annotated[str, typer.Argument(help="The data set's name.")]


@command(app, "import")
def import_(
    session: CommandSession,
    name: Name,
    path: Annotated[Path | None, typer.Argument(help="A file or directory; or give --sample.")] = None,
    sample: Annotated[str | None, typer.Option(help="A built-in data set, like digits.")] = None,
    format: Annotated[
        str | None, typer.Option(help="images, csv, npz, jsonl, parquet or tfrecord; else the files' names tell it.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="The column that holds the class.")] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Shares like train=0.8,validation=0.1,test=0.1; without, a source's own splits are kept."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The seed that assigns rows to splits.")] = 0,
    description: Annotated[str, typer.Option(help="What it is.")] = "",
    column: Annotated[
        list[str] | None,
        typer.Option(help="CSV: NAME=TYPE, like age=number; number, integer, text, boolean or datetime; repeatable."),
    ] = None,
    na: Annotated[
        list[str] | None,
        typer.Option(help="CSV: a further word that means a missing value; repeatable; '': empty cells alone."),
    ] = None,
    separator: Annotated[str | None, typer.Option(help="CSV: what is between the columns, like ';' or tab.")] = None,
    decimal: Annotated[str | None, typer.Option(help="CSV: the decimal mark, . or ,")] = None,
    encoding: Annotated[str | None, typer.Option(help="CSV: like cp1252, gb18030 or utf-16; else UTF-8.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is imported.")] = True,
) -> None:
    """Import the next version of a data set, and report what was detected and what is doubtful."""
    datasets = session.client.datasets
    shares = None if split is None else parse_numbers(split.split(","))
    if (path is None) == (sample is None):
        raise InvalidArgument("give a path or --sample, exactly one of them")
    if sample is not None:
        version = datasets.import_sample(name, sample, split=shares, seed=seed, description=description)
    else:
        assert path is not None
        if not path.exists():
            raise NotFound(f"there is no file or directory {str(path)!r}")
        with session.out.progress("uploading") as bar:
            version = datasets.import_files(
                name,
                path,
                format,
                label=label,
                split=shares,
                seed=seed,
                description=description,
                columns=_column_types(column or ()),
                na=na,
                separator={"tab": "\t", "\\t": "\t"}.get(separator or "", separator),
                decimal=decimal,
                encoding=encoding,
                on_progress=lambda done, total: bar(done / total if total else None, size_text(done)),
            )
    if wait:
        with session.out.progress("importing") as bar:
            version = datasets.wait(name, version.number, lambda seen: bar(None, seen.state))
    show_version(session, version)


@command(app, "list")
def list_(session: CommandSession) -> None:
    """List data sets."""
    session.out.many(
        session.client.datasets.list(),
        {
            "NAME": lambda each: each.name,
            "NEWEST": lambda each: each.newest.number if each.newest else "",
            "STATE": lambda each: each.newest.state if each.newest else "no version",
            "MADE": lambda each: each.created_at,
            "DESCRIPTION": lambda each: each.description,
        },
        "no data sets: `bms dataset import NAME --sample digits`",
    )


@command(app)
def versions(
    session: CommandSession,
    name: Name,
    all: Annotated[bool, typer.Option("--all", help="Include deleted ones.")] = False,
) -> None:
    """List a data set's versions, newest first."""
    session.out.many(
        session.client.datasets.versions(name, all=all),
        {
            "VERSION": lambda each: each.number,
            "STATE": lambda each: each.state,
            "ROWS": lambda each: {part: split.rows for part, split in each.splits.items()},
            "SIZE": lambda each: size_text(each.size),
            "MADE": lambda each: each.created_at,
            "": lambda each: each.reason,
        },
        "no versions",
    )


@command(app)
def show(
    session: CommandSession, name: Name, version: Annotated[int, typer.Argument(help="The version's number.")]
) -> None:
    """Show one version: what is in it, and what its import detected and doubted."""
    show_version(session, session.client.datasets.version(name, version))


@command(app)
def statistics(
    session: CommandSession, name: Name, version: Annotated[int, typer.Argument(help="The version's number.")]
) -> None:
    """Show a version's counts and measures, as JSON."""
    session.out.raw(session.client.datasets.statistics(name, version))


@command(app)
def delete(
    session: CommandSession,
    name: Name,
    version: Annotated[int | None, typer.Argument(help="Only this version.")] = None,
    yes: Yes = False,
) -> None:
    """Delete a data set, or one version of it.

    Refused while it is imported, or a gate or a job needs it. Models that were trained on it stay, and their lineage
    keeps its name; its files go within the next hours.
    """
    if version is None:
        be_sure(f"This deletes the data set {name} with all its versions", yes)
        session.client.datasets.delete(name)
        session.out.say(f"deleted {name}", {})
    else:
        session.client.datasets.delete_version(name, version)
        session.out.say(f"deleted {name}@{version}", {})


def _column_types(texts: Iterable[str]) -> dict[str, str]:
    """`NAME=TYPE` texts by name. Raises InvalidArgument."""
    types = {}
    for text in texts:
        name, sign, word = text.rpartition("=")
        if not (name.strip() and sign):
            raise InvalidArgument(f"--column {text!r} is not of the form NAME=TYPE, like age=number")
        types[name.strip()] = word.strip()
    return types
