"""Steps of several commands that make a version: upload it with a progress bar, and wait for its verification."""

import contextlib
from pathlib import Path

from bms.cli.command import CommandSession
from bms.cli.options.version import VersionOptions
from bms.core.errors import FailedPrecondition
from bms.core.workloads.resources import size_text
from bms.sdk.models import Version


def push(session: CommandSession, path: Path, name: str, options: VersionOptions, *, wait: bool = True) -> Version:
    """Uploads the next version of `name` and, with `wait`, waits until it is verified."""
    models, new, columns = session.client.models, options.version(), options.columns()
    with session.out.progress(f"uploading {path.name}") as bar:

        def sent(done: int, total: int) -> None:
            bar(done / total if total else None, f"{size_text(done)} of {size_text(total)}")

        version = models.upload(
            name,
            path,
            new,
            columns=columns,
            example=options.example,
            batched=options.batched,
            max_batch_size=options.max_batch_size,
            formats=options.formats(),
            on_progress=sent,
        )
    return waited(session, version) if wait else version


def newest_ready(session: CommandSession, model: str) -> int:
    """The number of the newest ready version. Raises FailedPrecondition where there is none."""
    for version in session.client.models.versions(model, state="ready"):
        return version.number
    raise FailedPrecondition(f"model {model!r} has no ready version: `bms model versions {model}` says why")


def servable(session: CommandSession, model: str, number: int | None) -> int:
    """The version to serve: `number`, or the newest ready one. What is being verified is waited for, with a bar; newer
    versions that were rejected are reported. Raises FailedPrecondition where there is none."""
    models = session.client.models
    if number is not None:
        version = models.version(model, number)
        return waited(session, version).number if version.state == "verifying" else number
    for version in models.versions(model):
        if version.state == "verifying":
            with contextlib.suppress(FailedPrecondition):
                version = waited(session, version)
            version = models.version(model, version.number)
        if version.state == "ready":
            return version.number
        why = f": {version.reason}" if version.reason else ""
        session.out.say(f"version {version.number} is skipped: it is {version.state}{why}")
    raise FailedPrecondition(f"model {model!r} has no ready version: `bms model push PATH --name {model}` makes one")


def waited(session: CommandSession, version: Version) -> Version:
    """Waits until a version is verified, with a progress bar, and returns it. Raises FailedPrecondition with the reason
    where it was refused."""
    with session.out.progress(f"verifying version {version.number}") as bar:
        log = VerificationLog(session, version)
        # As long as it takes: jobs and builds have limits of their own, and to fetch a framework may take many minutes.
        return session.client.models.wait_version(
            version.model, version.number, lambda _: bar(None, log.last_line()), timeout_s=None
        )


class VerificationLog:
    """The log of the jobs that verify a version: building its environment, loading, running examples."""

    def __init__(self, session: CommandSession, version: Version) -> None:
        self._jobs = session.client.jobs
        self._version = version.id
        self._read: dict[str, int] = {}
        self._last = ""

    def news(self) -> bytes:
        """The text written since the last call."""
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
