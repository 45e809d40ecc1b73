"""Finds the users of a data set's version: the data sets feature asks before one is deleted."""

from bms.control.jobs.ports import JobsTx
from bms.control.models.ports import ModelsTx
from bms.control.platform.transactions import Store
from bms.core.events import EventSink
from bms.core.pages import MAX_LIMIT, PageRequest, decode_cursor


class DatasetUse:
    """Implements `InUse` of the data sets feature: finds gates that measure on the version, and jobs that read it and
    have not ended. Versions of models that were made of it do not need it: their lineage names it, and its row stays.

    Versions of models that were made of it do not need it: their lineage names it, and what is left of it stays.
    """

    def __init__(self, jobs: Store[JobsTx], models: Store[ModelsTx]) -> None:
        self._jobs = jobs
        self._models = models

    async def __call__(self, tx: EventSink, tenant: str, dataset: str, going: frozenset[int], left: bool) -> str | None:
        references = {f"{dataset}@{number}" for number in going}
        return await _job(self._jobs.joined(tx), tenant, references) or await _gate(
            self._models.joined(tx), tenant, dataset, references, left
        )


async def _job(tx: JobsTx, tenant: str, references: set[str]) -> str | None:
    for job in await tx.unended(tenant):
        if any(given.reference in references for given in job.spec.inputs):
            return f"job {job.id} ({job.name}): wait for its end, or `bms job cancel {job.id}`"
    return None


async def _gate(tx: ModelsTx, tenant: str, dataset: str, references: set[str], left: bool) -> str | None:
    """A gate that names a version that goes; or the data set, of which no ready version would be left."""
    named = references if left else {dataset, *references}
    after: str | None = None
    while True:
        page = await tx.models(tenant, PageRequest(limit=MAX_LIMIT, after=after))
        for model in page.items:
            for gate in model.gates:
                if gate.dataset in named:
                    return (
                        f"the gate on {gate.metric} of model {model.name!r}: change the model's gates first, "
                        f"`bms model gates {model.name} --set …` or `--clear`"
                    )
        if page.next is None:
            return None
        after = decode_cursor(page.next)
