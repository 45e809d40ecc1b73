"""What several commands do to make a version: upload with a bar, wait for its verification, read short forms."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from bms.cli.commands import Session
from bms.core.errors import InvalidArgument
from bms.core.resources import size_text
from bms.sdk.models import NewVersion, Version
from bms.sdk.signatures import Preprocess


def push(session: Session, path: Path, name: str, new: NewVersion, *, wait: bool = True) -> Version:
    """The next version of `name`, uploaded and, with `wait`, verified."""
    models = session.client.models
    with session.out.progress(f"uploading {path.name}") as bar:

        def sent(done: int, total: int) -> None:
            bar(done / total if total else None, f"{size_text(done)} of {size_text(total)}")

        version = models.upload(name, path, new, on_progress=sent)
    if not wait:
        return version
    with session.out.progress(f"verifying version {version.number}") as bar:
        return models.wait_version(name, version.number, lambda seen: bar(None, seen.state))


def parse_image(text: str) -> Preprocess:
    """`input=x,mode=L,height=8,width=8,…` as a Preprocess. Raises InvalidArgument."""
    given: dict[str, object] = dict(parse_pairs(text.split(",")))
    for several in ("mean", "std"):
        if several in given:
            given[several] = str(given[several]).split("/")
    try:
        return msgspec.convert(given, Preprocess, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"--image: {error}; write for example input=x,mode=L,height=8,width=8") from None


def parse_pairs(texts: Iterable[str]) -> list[tuple[str, str]]:
    """`NAME=VALUE` texts, split. Raises InvalidArgument."""
    pairs = []
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name.strip() and sign):
            raise InvalidArgument(f"{text!r} is not of the form NAME=VALUE")
        pairs.append((name.strip(), value.strip()))
    return pairs
