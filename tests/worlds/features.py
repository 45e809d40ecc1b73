"""Features over a real database, with jobs that are played instead of run: what follows from what, step by step."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from bms.adapters.objects.memory import MemoryObjectStore
from bms.adapters.recipes import PackagedRecipes
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.datasets import SqlDatasets
from bms.adapters.sql.events import SqlEventLog
from bms.adapters.sql.jobs import SqlJobs
from bms.adapters.sql.models import SqlModels
from bms.adapters.sql.reactions import SqlReactions
from bms.adapters.sql.store import SqlStore
from bms.app.control.features import event_handlers
from bms.control.datasets.nouns import DatasetVersion, ImportRequest
from bms.control.datasets.service import DatasetService
from bms.control.evaluation.gates import Gates
from bms.control.jobs.history import History
from bms.control.jobs.nouns import Job, JobState
from bms.control.jobs.service import JobService, job_ended, job_event
from bms.control.models.service import ModelService
from bms.control.optimization.conversion import TARGETS, ConversionService
from bms.control.platform.reactions import ReactionLoop
from bms.control.platform.sweeps import Sweeps
from bms.control.training.service import TrainingService
from bms.core.access.principal import Principal
from bms.core.clock import ManualClock
from bms.core.formats.json_numbers import JsonNumber
from bms.core.pages import PageRequest
from tests.worlds.jobs import add_tenant, put_files

ANN = Principal(tenant="acme", user="ann", key="k", role="owner", scopes=frozenset())
SIGNATURE = {
    "inputs": [{"name": "x", "dtype": "FP32", "shape": [None, 64]}],
    "outputs": [{"name": "probabilities", "dtype": "FP32", "shape": [None, 10]}],
    "method": "classify",
    "scores": "probabilities",
}
REPORT = {"signatures": {"serving_default": SIGNATURE}, "memory": 1, "load_ns": 2, "infer_ns": 3, "format": "skops"}
RECOGNISED = {"recognised": {"runtime": "sklearn", "format": "skops", "requirements": ["skops", "scikit-learn"]}}
VERIFIED = {"verified": REPORT}
CARD = {"runtime": "sklearn", "labels": [str(digit) for digit in range(10)], "environment": {"requirements": ["skops"]}}
IMPORTED = {
    "train-00000-of-00001.tfrecord": b"t",
    "validation-00000-of-00001.tfrecord": b"v",
    "dataset.json": b"{}",
    "statistics.json": b"{}",
}


@dataclass
class Played:
    """All that training needs, over one database. Tests say how each job ended."""

    database: Database
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.objects = MemoryObjectStore(self.clock)
        self.job_store = SqlStore(self.database, SqlJobs)
        self.jobs = JobService(self.job_store, self.objects, History(self.objects, None), self.clock)  # type: ignore[arg-type]
        self.models_store = SqlStore(self.database, SqlModels)
        self.models = ModelService(self.models_store, self.objects, self.clock)
        self.datasets = DatasetService(SqlStore(self.database, SqlDatasets), self.objects, self.clock)
        self.conversion = ConversionService(self.jobs, self.models, self.datasets)
        self.gates = Gates(self.jobs, self.models, self.datasets, self.clock)
        self.training = TrainingService(self.jobs, self.datasets, self.objects, PackagedRecipes(), TARGETS)
        self.log = SqlEventLog(self.database)
        self.handlers, finders = event_handlers(
            self.jobs, self.models, self.datasets, self.conversion, self.gates, self.objects
        )
        self.reaction_store = SqlStore(self.database, SqlReactions)
        self.reactions = ReactionLoop(self.log, self.reaction_store, self.handlers, self.clock, "default")
        self.sweeps = Sweeps(self.log, self.reaction_store, finders, self.clock)

    async def start(self) -> "Played":
        await add_tenant(self.database, self.clock)
        return self

    async def react(self) -> None:
        """Handles all that follows from what happened, and what follows from that."""
        await self.reactions.run_until_idle()

    async def react_again(self) -> None:
        """Handles every event there ever was once more, as after a crash."""
        for _, event in await self.log.since(0):
            await self.handlers.replay(event)

    async def of_kind(self, kind: str) -> list[Job]:
        return (await self.jobs.jobs("acme", PageRequest(), kind=kind)).items

    async def end(
        self,
        job: Job,
        state: JobState = "succeeded",
        *,
        output: dict[str, bytes] | None = None,
        metrics: Mapping[str, JsonNumber] | None = None,
        report: dict[str, object] | None = None,
        error: str = "",
    ) -> None:
        """The job ended this way."""
        tree = None if output is None else await put_files(self.objects, "acme", output)
        ended = msgspec.structs.replace(
            job,
            state=state,
            output=tree,
            metrics=dict(metrics or {}),
            report=report or {},
            error=error,
            ended_at=self.clock.now(),
        )
        async with self.job_store.write() as tx:
            saved = await tx.save_job(ended)
            await tx.emit(job_event(job_ended(saved), saved, "system", self.clock))
        await self.react()

    async def digits(self) -> DatasetVersion:
        """A ready version of the data set `digits`."""
        request = msgspec.convert({"source": {"sample": "digits"}}, ImportRequest)
        version = await self.datasets.start_import("acme", "ann", "digits", request)
        await self.react()
        (job,) = [job for job in await self.of_kind("import") if job.spec.subject == version.id]
        splits = {name: {"rows": 1, "files": [f"{name}-00000-of-00001.tfrecord"]} for name in ("train", "validation")}
        await self.end(job, output=IMPORTED, report={"splits": splits, "labels": CARD["labels"]})
        return await self.datasets.version_by_id("acme", version.id)

    @staticmethod
    def made(card: object = CARD) -> dict[str, bytes]:
        """The output of a training."""
        return {"model/model.skops": b"bytes", "version.json": json.dumps(card).encode(), "notes.txt": b"n"}
