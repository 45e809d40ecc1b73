"""Registers the output of a job that was to make a version, once it succeeded."""

from collections.abc import AsyncIterator
from functools import partial

import msgspec

from bms.control.jobs.events import JobEnded
from bms.control.jobs.nouns import Job
from bms.control.jobs.service import JobService
from bms.control.models.nouns import NewVersion
from bms.control.models.service import ModelService
from bms.control.platform.objects import ObjectStore
from bms.control.platform.sweeps import MissedReaction, Since
from bms.control.platform.trees import FileEntry, Tree, get_tree, put_tree, tree_of
from bms.control.training.nouns import MadeVersion, Register
from bms.core.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound
from bms.core.events import Event

MODEL = "model/"
CARD = "version.json"
MAX_CARD = 1 << 20
MAKERS = ("train", "convert")  # kinds of jobs whose output may become a version
_NONE = "no version was made of it: "


class Registration:
    """Handles `job.ended`: output/model, and output/version.json if there is one → a version in state verifying.

    Where that can't be done, the job's message says why.
    """

    def __init__(self, jobs: JobService, models: ModelService, objects: ObjectStore) -> None:
        self._jobs = jobs
        self._models = models
        self._objects = objects

    async def on_job_ended(self, event: Event[JobEnded]) -> None:
        await self._register_output(await self._jobs.get(event.tenant, event.subject))

    async def missed_reactions(self, since: Since) -> AsyncIterator[MissedReaction]:
        """Finds jobs that succeeded and of which there is neither a version nor a remark why not."""
        for tenant, id in await self._jobs.ended(MAKERS, since.after, since.before):
            once = f"registration {id}"
            job = None if once in since.settled else await self._jobs.find(tenant, id)
            if job is None:
                continue
            register = await self._left(job)
            if register is None:
                since.settled.add(once)
                continue
            what = f"what job {id} made for model {register.model!r}"
            yield MissedReaction(tenant, job.spec.subject or id, what, partial(self._register_output, job), once)

    async def _left(self, job: Job) -> Register | None:
        """The registration that is still to be made for an ended job."""
        if job.state != "succeeded" or "register" not in job.spec.then or job.message.startswith(_NONE):
            return None
        register = msgspec.convert(job.spec.then["register"], Register)
        known = await self._models.version_of_job(job.tenant, register.model, job.id)
        return register if known is None else None

    async def _register_output(self, job: Job) -> None:
        if job.state != "succeeded" or "register" not in job.spec.then:
            return
        register = msgspec.convert(job.spec.then["register"], Register)
        if await self._models.version_of_job(job.tenant, register.model, job.id) is not None:
            return  # handled before a crash
        try:
            await self._register(job, register)
        except (InvalidArgument, FailedPrecondition, NotFound, DataLoss) as error:
            await self._jobs.remark(job.tenant, job.id, _NONE + error.message)

    async def on_end_given_up(self, event: Event[JobEnded], why: str) -> None:
        job = await self._jobs.get(event.tenant, event.subject)
        if job.state == "succeeded" and "register" in job.spec.then:
            await self._jobs.remark(job.tenant, job.id, _NONE + why)

    async def _register(self, job: Job, register: Register) -> None:
        if job.output is None:
            raise InvalidArgument("it left no output: save the model's files in output/model")
        output = await get_tree(self._objects, job.tenant, job.output)
        made = await self._card(job, output)
        files = [
            FileEntry(path=file.path.removeprefix(MODEL), digest=file.digest, size=file.size)
            for file in output.files
            if file.path.startswith(MODEL)
        ]
        if not files:
            raise InvalidArgument("it left nothing in output/model: save the model's files there")
        tree = await put_tree(self._objects, job.tenant, tree_of(files))
        new = NewVersion(
            runtime=made.runtime,
            labels=made.labels,
            preprocess=made.preprocess,
            signatures=made.signatures,
            environment=made.environment,
            metadata=made.metadata,
            metrics=job.metrics,
            lineage=msgspec.structs.replace(register.lineage, job=job.id),
        )
        await self._models.register(job.tenant, register.model, tree, new, job.created_by, create=True)

    async def _card(self, job: Job, output: Tree) -> MadeVersion:
        for file in output.files:
            if file.path == CARD and file.size <= MAX_CARD:
                chunks = [chunk async for chunk in self._objects.read(job.tenant, file.digest)]
                try:
                    return msgspec.json.decode(b"".join(chunks), type=MadeVersion)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise InvalidArgument(f"output/{CARD} is not a version's card: {error}") from error
        return MadeVersion()
