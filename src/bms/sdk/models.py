"""Models, their immutable versions, and the aliases that point at versions."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from bms.api_types import jobs
from bms.api_types.jobs import Convert
from bms.api_types.models import ChangeModel, CreateModel, MoveAlias
from bms.api_types.pages import Page
from bms.api_types.versions import CreateVersion, StartedUpload
from bms.core.clock import Clock, SystemClock
from bms.core.errors import AlreadyExists, BmsError, FailedPrecondition, InvalidArgument, NotFound
from bms.core.formats.json_numbers import json_numbers
from bms.sdk.binding.resources import PAGE, D, operation, path_part, stream
from bms.sdk.examples import EXAMPLE, described_version
from bms.sdk.files.blobs import Uploading, UploadProgress
from bms.sdk.files.description import DESCRIPTION, NO_FORMATS, description, with_description
from bms.sdk.files.local import FileEntry, FileTree, in_memory, scan, with_file
from bms.sdk.jobs import Evaluation, Job
from bms.sdk.nouns.models import Alias, Gate, GateResult, GateStanding, Lineage, Measurement, Model, NewVersion, Version
from bms.sdk.nouns.signatures import TensorSpec
from bms.sdk.transport.bodies import without_defaults
from bms.sdk.transport.flow import Flow, Item, Stream, locally
from bms.sdk.transport.waiting import until

__all__ = [
    "Alias",
    "Gate",
    "GateResult",
    "GateStanding",
    "Lineage",
    "Measurement",
    "Model",
    "Models",
    "NewVersion",
    "Version",
]

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
NOTHING_MADE = "no version was made of it"  # so a job's message begins then
SETTLED = frozenset({"ready", "rejected", "offline", "deleted"})


class _Made(NamedTuple):
    """A job, and the version that it produced."""

    job: Job
    version: Version | None


class Models(Uploading[D]):
    """Uploads, verifies, converts and evaluates versions of models, and moves aliases (`/api/v1/models`)."""

    _clock: Clock = SystemClock()

    @operation
    def create(self, name: str, *, description: str = "", gates: Sequence[Gate] = ()) -> Flow[Model]:
        made = CreateModel(name=name, description=description, gates=tuple(gates))
        return self._post("/models", Model, without_defaults(made))

    @operation
    def get(self, name: str) -> Flow[Model]:
        return self._get(_model(name), Model)

    @stream
    def list(self, *, prefix: str | None = None, search: str | None = None) -> Stream[Model]:
        return self._pages("/models", Model, {"prefix": prefix, "search": search})

    @operation
    def change(
        self,
        name: str,
        *,
        description: str | None = None,
        gates: Sequence[Gate] | None = None,
        revision: int | None = None,
    ) -> Flow[Model]:
        changed = ChangeModel(description=description, gates=None if gates is None else tuple(gates))
        return self._change("PATCH", _model(name), Model, without_defaults(changed), revision)

    @operation
    def delete(self, name: str) -> Flow[None]:
        """Deletes a model with all its versions. Raises FailedPrecondition while one is used."""
        return self._change("DELETE", _model(name), type(None))

    @operation
    def version(self, name: str, number: int) -> Flow[Version]:
        return self._version(name, number)

    @stream
    def versions(self, name: str, *, state: str | None = None) -> Stream[Version]:
        """Lists a model's versions, newest first."""
        return self._pages(f"{_model(name)}/versions", Version, {"state": state})

    @operation
    def upload(
        self,
        name: str,
        path: Path,
        new: NewVersion | None = None,
        *,
        create: bool = True,
        columns: Sequence[TensorSpec | str] = (),
        example: Any = None,
        batched: bool | None = None,
        max_batch_size: int | None = None,
        formats: Mapping[str, str] = NO_FORMATS,
        on_progress: UploadProgress | None = None,
    ) -> Flow[Version]:
        """Uploads a file, directory or archive (zip, tar) as the next version; with `create` the model is made, too.

        `columns` say which table it takes, as `column(…)` or in words ("age number", "city text?"), where its format
        does not tell. An `example` (a data frame, rows, columns or arrays by name, or a file of CSV, JSON, JSONL or NPZ
        or of an image) tells the types of columns, and is what the model is tried and warmed up with; it becomes the
        artifact's `example.json`.
        `batched` False: each request has a run of its own; True: the version is refused unless rows are proved to be
        independent. `max_batch_size` is the most rows that a request may have, and that run together; `formats` say how
        images lie in inputs, by name: NCHW or NHWC, which Triton's clients read. All three become a part of the
        artifact's `bms.json`.

        Only what the server has not yet is sent, so a broken upload is repeated cheaply. The version that comes
        back is being verified: see `wait_version`. Raises InvalidArgument naming column and row of what can't be read.
        """
        made = yield from locally(partial(described_version, new or NewVersion(), columns, example))
        files = yield from locally(partial(scan, path))
        archive = files[0].entry.digest if path.is_file() and (yield from locally(partial(_is_archive, path))) else None
        if made.example is not None:
            if archive is not None:
                raise InvalidArgument(f"{path.name} is an archive: put {EXAMPLE} into it, or push a folder")
            files = with_file(files, in_memory(EXAMPLE, made.example))
        told = description(batched, max_batch_size, formats)
        if told:
            if archive is not None:
                text = msgspec.json.encode(told).decode()
                raise InvalidArgument(f"{path.name} is an archive: put {text} into its {DESCRIPTION}")
            files = yield from locally(partial(with_description, files, told))
        new_version = CreateVersion(**{**msgspec.structs.asdict(made.new), "metrics": json_numbers(made.new.metrics)})
        if archive is not None:
            yield from self._send_files(files, on_progress)
            return Version.of(
                (yield from self._start(name, msgspec.structs.replace(new_version, archive=archive), create)).version
            )
        listed = msgspec.structs.replace(new_version, files=tuple(file.entry for file in files))
        started = yield from self._start(name, listed, create)
        missing = frozenset(started.missing)
        number = started.version.number
        try:
            yield from self._send_files([file for file in files if file.entry.digest in missing], on_progress)
            return (yield from self._post(f"{_numbered(name, number)}/complete", Version))
        except BmsError:
            with contextlib.suppress(BmsError):  # what is left of it is given up: its number is for the next one
                before = started.version.revision  # else the server has completed it, and only the answer was lost
                yield from self._change("DELETE", _numbered(name, number), type(None), revision=before)
            raise

    @operation
    def files(self, name: str, number: int) -> Flow[tuple[FileEntry, ...]]:
        """Lists the files of a version."""
        tree = yield from self._get(f"{_numbered(name, number)}/files", FileTree)
        return tree.files

    @stream
    def download(self, name: str, number: int, path: str) -> Stream[bytes]:
        """Downloads one file of a version, in pieces."""
        return self._download(f"{_numbered(name, number)}/files/{quote(path)}")

    @operation
    def wait_version(
        self,
        name: str,
        number: int,
        on_progress: Callable[[Version], None] | None = None,
        *,
        timeout_s: float | None = 600.0,
    ) -> Flow[Version]:
        """Waits until a version is verified, and returns it. Raises FailedPrecondition with the reason when it was
        rejected."""
        version = yield from until(
            partial(self._version, name, number),
            lambda version: version.state in SETTLED,
            what=f"the verification of version {number} of {name}",
            clock=self._clock,
            timeout_s=timeout_s,
            on_progress=on_progress,
        )
        if version.state == "rejected":
            raise FailedPrecondition(f"version {number} of {name!r} was rejected: {version.reason}")
        return version

    @operation
    def wait_made(
        self,
        name: str,
        job: str,
        on_progress: Callable[[Version], None] | None = None,
        *,
        timeout_s: float | None = 600.0,
    ) -> Flow[Version]:
        """Waits for the version that a succeeded training job registers in model `name`, until it is verified.

        Raises FailedPrecondition with the reason when it made none, or when the version was rejected.
        """
        ended = yield from until(
            partial(self._made, name, job),
            lambda seen: seen.version is not None or seen.job.message.startswith(NOTHING_MADE),
            what=f"a version of {name} made by job {job}",
            clock=self._clock,
            timeout_s=timeout_s,
        )
        if ended.version is None:
            raise FailedPrecondition(f"job {job}: {ended.job.message}")
        return (
            yield from self.__class__.wait_version.flow(
                self, name, ended.version.number, on_progress, timeout_s=timeout_s
            )
        )

    @operation
    def publish(self, name: str, number: int) -> Flow[Version]:
        """Makes an offline version ready again."""
        return self._post(f"{_numbered(name, number)}/publish", Version)

    @operation
    def take_offline(self, name: str, number: int) -> Flow[Version]:
        """Takes a ready version out of use until it is published again."""
        return self._post(f"{_numbered(name, number)}/offline", Version)

    @operation
    def delete_version(self, name: str, number: int) -> Flow[None]:
        return self._change("DELETE", _numbered(name, number), type(None))

    @operation
    def convert(self, name: str, number: int, to: str = "onnx", *, tolerance: float | None = None) -> Flow[Job]:
        """Starts a job that converts a version to another format; refused unless its outputs equal its parent's."""
        body = Convert(to=to) if tolerance is None else Convert(to=to, tolerance=tolerance)
        return self._post(f"{_numbered(name, number)}/convert", Job, without_defaults(body))

    @stream
    def evaluate(self, name: str, number: int) -> Stream[Evaluation]:
        """Starts a job for each gate of the model, and returns those jobs; one that already measures the same is
        returned with `ran_already`."""
        started = yield from self._post(f"{_numbered(name, number)}/evaluate", jobs.Evaluation)
        for job in started.items:
            yield Item(Evaluation(**msgspec.structs.asdict(job), ran_already=job.id in started.running))

    @operation
    def gates(self, name: str, number: int) -> Flow[tuple[GateStanding, ...]]:
        """The state of each of the model's gates for a version."""
        return self._gates(name, number)

    @operation
    def wait_gates(
        self,
        name: str,
        number: int,
        on_progress: Callable[[tuple[GateStanding, ...]], None] | None = None,
        *,
        jobs: Sequence[str] = (),
        timeout_s: float | None = 1800.0,
    ) -> Flow[tuple[GateStanding, ...]]:
        """The same once no gate is being measured; with `jobs`, which `evaluate` started, once their results are in."""
        return (
            yield from until(
                partial(self._gates, name, number),
                lambda found: _all_measured(found, jobs),
                what=f"the measuring of the gates of version {number} of {name}",
                clock=self._clock,
                timeout_s=timeout_s,
                on_progress=on_progress,
            )
        )

    @stream
    def aliases(self, name: str) -> Stream[Alias]:
        return self._pages(f"{_model(name)}/aliases", Alias)

    @operation
    def alias(self, name: str, alias: str) -> Flow[Alias]:
        return self._get(_alias(name, alias), Alias)

    @operation
    def move_alias(
        self, name: str, alias: str, version: int, *, force: bool = False, revision: int | None = None
    ) -> Flow[Alias]:
        """Points an alias at a version. FailedPrecondition unless it passed its gates (admins may `force`)."""
        moved = MoveAlias(version=version, force=force)
        return self._change("PUT", _alias(name, alias), Alias, without_defaults(moved), revision)

    @operation
    def delete_alias(self, name: str, alias: str) -> Flow[None]:
        return self._change("DELETE", _alias(name, alias), type(None))

    def _gates(self, name: str, number: int) -> Flow[tuple[GateStanding, ...]]:
        return tuple((yield from self._get(f"{_numbered(name, number)}/gates", Page[GateStanding])).items)

    def _made(self, name: str, job: str) -> Flow[_Made]:
        seen = yield from self._get(f"/jobs/{path_part(job)}", Job)
        try:
            page = yield from self._get(f"{_model(name)}/versions", Page[Version], {"limit": PAGE, "all": True})
        except NotFound:
            return _Made(seen, None)
        return _Made(seen, next((one for one in page.items if one.lineage.job == job), None))

    def _start(self, name: str, asked: CreateVersion, create: bool) -> Flow[StartedUpload]:
        """A version of the model, which is made if there is none of that name; not for a version that is refused."""
        try:
            return (yield from self._post(f"{_model(name)}/versions", StartedUpload, without_defaults(asked)))
        except NotFound:
            if not create:
                raise
        with contextlib.suppress(AlreadyExists):
            yield from self._post("/models", Model, without_defaults(CreateModel(name=name)))
        return (yield from self._post(f"{_model(name)}/versions", StartedUpload, without_defaults(asked)))

    def _version(self, name: str, number: int) -> Flow[Version]:
        return self._get(_numbered(name, number), Version)


def _all_measured(gates: Sequence[GateStanding], jobs: Sequence[str]) -> bool:
    heard = {job for gate in gates if gate.result is not None for job in (gate.result.job, gate.result.tried)}
    return all(gate.state != "measuring" for gate in gates) and heard.issuperset(jobs)


def _is_archive(path: Path) -> bool:
    """By its name, and what that is not: PyTorch's checkpoints are often called `best.pth.tar`, and are no tar."""
    if not path.name.endswith(ARCHIVES):
        return False
    with path.open("rb") as file:
        return path.name.endswith(".zip") or file.read(2) not in (b"PK", b"\x80\x02")


def _model(name: str) -> str:
    return f"/models/{path_part(name)}"


def _numbered(name: str, number: int) -> str:
    return f"{_model(name)}/versions/{number}"


def _alias(name: str, alias: str) -> str:
    return f"{_model(name)}/aliases/{path_part(alias)}"
