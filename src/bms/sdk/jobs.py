"""Jobs: programs that run to completion, such as training."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

import msgspec

from bms.api_types import jobs
from bms.api_types.jobs import ENDED, Training
from bms.api_types.pages import Page
from bms.api_types.recipes import Recipe
from bms.core.clock import Clock, SystemClock
from bms.core.errors import FailedPrecondition
from bms.sdk.binding.resources import API, D, operation, path_part, stream
from bms.sdk.files.blobs import Uploading, UploadProgress
from bms.sdk.files.local import FileEntry, FileTree
from bms.sdk.nouns.metrics import Numbers, as_numbers
from bms.sdk.nouns.signatures import EnvironmentSpec
from bms.sdk.transport.bodies import without_defaults
from bms.sdk.transport.flow import ClientRequest, Flow, Item, Stream, pause
from bms.sdk.transport.waiting import FIRST_S, GROWTH, LONGEST_S, until

__all__ = ["ENDED", "Evaluation", "Job", "JobEvent", "Jobs", "Recipe"]


class Job(jobs.Job, frozen=True, kw_only=True):
    """A job, with its metrics as floats."""

    metrics: Numbers = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        as_numbers(self, self.metrics)


class Evaluation(Job, frozen=True, kw_only=True):
    """A job that measures a gate. `ran_already`: it had been started before this request."""

    ran_already: bool = False


class JobEvent(jobs.JobEvent, frozen=True, kw_only=True):
    """One step of a job's progress, with its metrics as floats."""

    metrics: Numbers = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        as_numbers(self, self.metrics)


class Jobs(Uploading[D]):
    """Submits, lists, watches and cancels jobs (`/api/v1/jobs` and `/api/v1/recipes`)."""

    _clock: Clock = SystemClock()

    @operation
    def train(
        self,
        *,
        recipe: str | None = None,
        code: str | Path | None = None,
        entry: str | None = None,
        datasets: Mapping[str, str] | None = None,
        model: str | None = None,
        name: str = "",
        parameters: Mapping[str, object] | None = None,
        requirements: Sequence[str] | None = None,
        environment: EnvironmentSpec | None = None,
        convert: tuple[str, ...] | None = None,
        resources: Mapping[str, object] | None = None,
        timeout_s: float = 3600.0,
        max_attempts: int = 1,
        on_progress: UploadProgress | None = None,
    ) -> Flow[Job]:
        """Submits a training job by `recipe`, or by `code` (a directory's path, or an uploaded tree's digest) and
        `entry`.

        `datasets` maps the names of the job's input directories to data sets ("digits", "digits@3"); `model`
        registers the result as its next version; `environment` says more than `requirements`: a lock, a Python.
        `resources` are limits such as {"cpu": 4, "memory": 4 << 30}; `timeout_s`, how long it may run.
        """
        if code is not None and not str(code).startswith("sha256:"):
            code = yield from self._send_tree(Path(code), on_progress)
        asked = environment or (None if requirements is None else EnvironmentSpec(requirements=tuple(requirements)))
        training = Training(
            recipe=recipe,
            code=None if code is None else str(code),
            entry=entry,
            name=name,
            datasets=datasets or {},
            model=model,
            parameters=parameters or {},
            environment=asked,
            convert=convert,
            timeout_s=timeout_s,
            max_attempts=max_attempts,
        )
        body = without_defaults(training)
        if resources is not None:
            body["resources"] = dict(resources)
        return (yield from self._post("/jobs", Job, body))

    @operation
    def recipes(self) -> Flow[tuple[Recipe, ...]]:
        """Lists the ready-made training programs."""
        return tuple((yield from self._get("/recipes", Page[Recipe])).items)

    @operation
    def get(self, id: str) -> Flow[Job]:
        return self._job(id)

    @stream
    def list(self, *, state: str | None = None, kind: str | None = None, subject: str | None = None) -> Stream[Job]:
        """Lists jobs, newest first."""
        return self._pages("/jobs", Job, {"state": state, "kind": kind, "subject": subject})

    @operation
    def cancel(self, id: str) -> Flow[Job]:
        return self._post(f"/jobs/{path_part(id)}/cancel", Job)

    @operation
    def retry(self, id: str) -> Flow[Job]:
        """Submits a new job that repeats an ended one."""
        return self._post(f"/jobs/{path_part(id)}/retry", Job)

    @operation
    def wait(
        self,
        id: str,
        on_progress: Callable[[Job], None] | None = None,
        *,
        timeout_s: float | None = None,
        check: bool = True,
    ) -> Flow[Job]:
        """Waits until a job has ended, and returns it. Raises FailedPrecondition with its error unless it succeeded (or
        not `check`)."""
        job = yield from until(
            partial(self._job, id),
            lambda job: job.ended,
            what=f"the end of job {id}",
            clock=self._clock,
            timeout_s=timeout_s,
            on_progress=on_progress,
        )
        if check and job.state != "succeeded":
            reason = job.error or job.message or "see its log"
            raise FailedPrecondition(f"job {job.name or job.id} {job.state}: {reason} (`bms job log {job.id}`)")
        return job

    @operation
    def events(self, id: str, *, after: int = 0) -> Flow[tuple[JobEvent, ...]]:
        """A job's progress events, oldest first; `after` is how many were read before."""
        return self._get(f"/jobs/{path_part(id)}/events", tuple[JobEvent, ...], {"after": after})

    @stream
    def log(self, id: str, *, follow: bool = False, after: int = 0) -> Stream[bytes]:
        """The job's output in pieces, from byte `after` on; with `follow`, until it has ended."""
        offset, wait = after, FIRST_S
        while True:
            path = f"{API}/jobs/{path_part(id)}/log"
            reply = yield from self._retrying(ClientRequest("GET", path, query={"offset": str(offset)}))
            offset = int(reply.headers.get("x-next-offset", offset + len(reply.content)))
            if reply.content:
                wait = FIRST_S
                yield Item(reply.content)
            elif not follow or reply.headers.get("x-job-state") in ENDED:
                return
            else:
                yield from pause(wait)
                wait = min(LONGEST_S, wait * GROWTH)

    @operation
    def output(self, id: str) -> Flow[tuple[FileEntry, ...]]:
        """Lists the output files of an ended job."""
        tree = yield from self._get(f"/jobs/{path_part(id)}/output", FileTree)
        return tree.files

    @stream
    def download(self, id: str, path: str) -> Stream[bytes]:
        """Downloads one output file of a job, in pieces."""
        return self._download(f"/jobs/{path_part(id)}/output/{quote(path)}")

    def _job(self, id: str) -> Flow[Job]:
        return self._get(f"/jobs/{path_part(id)}", Job)
