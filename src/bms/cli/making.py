"""What several commands do to make a version: upload with a bar, wait for its verification, read short forms."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from bms.cli.commands import Session
from bms.core.errors import InvalidArgument
from bms.core.resources import size_text
from bms.sdk.models import NewVersion, Version
from bms.sdk.signatures import ImagePreprocess, TextPreprocess

T = TypeVar("T", ImagePreprocess, TextPreprocess)


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
        log = VerificationLog(session, version)
        # As long as it takes: jobs and builds have limits of their own, and to fetch a framework may take many minutes.
        return models.wait_version(name, version.number, lambda _: bar(None, log.last_line()), timeout_s=None)


class VerificationLog:
    """What the jobs that verify a version say: building its environment, loading, running examples."""

    def __init__(self, session: Session, version: Version) -> None:
        self._jobs = session.client.jobs
        self._version = version.id
        self._read: dict[str, int] = {}
        self._last = ""

    def news(self) -> bytes:
        """What was said since the last call."""
        said = b""
        for job in reversed(list(self._jobs.list(kind="verify", subject=self._version))):
            after = self._read.get(job.id, 0)
            new = b"".join(self._jobs.log(job.id, after=after))
            self._read[job.id] = after + len(new)
            said += new
        return said

    def last_line(self) -> str:
        lines = self.news().decode(errors="replace").split("\n")
        self._last = next((line for line in reversed(lines) if line.strip()), self._last)
        return self._last


def parse_image(text: str) -> ImagePreprocess:
    """`input=x,mode=L,height=8,width=8,…` as an ImagePreprocess. Raises InvalidArgument."""
    given: dict[str, object] = dict(parse_pairs(text.split(",")))
    for several in ("mean", "std"):
        if several in given:
            given[several] = str(given[several]).split("/")
    return _converted("image", given, ImagePreprocess, "input=x,mode=L,height=8,width=8")


def parse_text(text: str) -> TextPreprocess:
    """`max_length=128,types=token_type_ids,…`, or nothing, as a TextPreprocess. Raises InvalidArgument."""
    given: dict[str, object] = dict(parse_pairs(text.split(",") if text.strip() else []))
    return _converted("text", given, TextPreprocess, "max_length=128,types=token_type_ids")


def _converted(option: str, given: dict[str, object], kind: type[T], example: str) -> T:
    unknown = [name for name in given if name not in kind.__struct_fields__]
    if unknown:
        raise InvalidArgument(f"--{option}: no {unknown[0]!r}: it has {', '.join(kind.__struct_fields__)}")
    try:
        return msgspec.convert({**given, "type": option}, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"--{option}: {error}; write for example {example}") from None


def parse_pairs(texts: Iterable[str]) -> list[tuple[str, str]]:
    """`NAME=VALUE` texts, split. Raises InvalidArgument."""
    pairs = []
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name.strip() and sign):
            raise InvalidArgument(f"{text!r} is not of the form NAME=VALUE")
        pairs.append((name.strip(), value.strip()))
    return pairs
