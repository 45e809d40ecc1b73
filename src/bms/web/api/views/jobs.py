"""Converts jobs into answers of the API, without the fencing tokens and log paths of their attempts."""

from bms.api_types import jobs
from bms.control.evaluation.gates import Evaluation
from bms.control.jobs.nouns import Job, JobSpec
from bms.core.workloads.programs import JobEvent
from bms.web.api.views import environments
from bms.web.api.views.resources import limits


def job(one: Job) -> jobs.Job:
    return jobs.Job(
        id=one.id,
        tenant=one.tenant,
        name=one.name,
        spec=_spec(one.spec),
        state=one.state,
        created_at=one.created_at,
        created_by=one.created_by,
        attempt=one.attempt,
        run_at=one.run_at,
        started_at=one.started_at,
        ended_at=one.ended_at,
        cancel_requested=one.cancel_requested,
        progress=one.progress,
        message=one.message,
        metrics=one.metrics,
        error=one.error,
        report=one.report,
        output=one.output,
        revision=one.revision,
    )


def event(one: JobEvent) -> jobs.JobEvent:
    return jobs.JobEvent(at=one.at, progress=one.progress, message=one.message, metrics=one.metrics, step=one.step)


def evaluation(one: Evaluation) -> jobs.Evaluation:
    return jobs.Evaluation(items=tuple(job(each) for each in one.items), running=one.running)


def _spec(one: JobSpec) -> jobs.JobSpec:
    return jobs.JobSpec(
        kind=one.kind,
        entry=one.entry,
        code=one.code,
        inputs=tuple(jobs.TreeInput(name=each.name, tree=each.tree, reference=each.reference) for each in one.inputs),
        parameters=one.parameters,
        environment=environments.spec(one.environment),
        resources=limits(one.resources),
        timeout_s=one.timeout_s,
        max_attempts=one.max_attempts,
        subject=one.subject,
        model=one.model,
    )
