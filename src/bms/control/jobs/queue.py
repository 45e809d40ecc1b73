"""Chooses which queued jobs start next: fair between tenants, oldest first within one, within the capacity. Pure."""

from collections import Counter
from collections.abc import Sequence

from bms.control.jobs.nouns import Job, JobCapacity
from bms.core.workloads.resources import size_text


def too_large(job: Job, capacity: JobCapacity) -> str:
    """The reason why `job` can never run here; empty if it can. CPU is shared, so too many cores only mean running
    alone."""
    memory = job.spec.resources.memory
    if memory > capacity.memory:
        return f"it asks for {size_text(memory)} of memory, jobs have {size_text(capacity.memory)}: ask for less"
    return ""


def next_to_start(queued: Sequence[Job], active: Sequence[Job], capacity: JobCapacity) -> list[Job]:
    """The jobs of `queued` (all due) to start beside the `active` ones, in order.

    The platform's own tasks and users' code go in queues of their own, each with the whole capacity (cores are
    shared, memory is a limit and no reservation): a training of days must not hold up every tenant's uploads,
    which wait for a verification of a second.
    """
    return [
        job for tasks in (True, False) for job in _chosen_of(_of_kind(queued, tasks), _of_kind(active, tasks), capacity)
    ]


def _is_task(job: Job) -> bool:
    return job.spec.code is None


def _of_kind(jobs: Sequence[Job], tasks: bool) -> list[Job]:
    return [job for job in jobs if _is_task(job) == tasks]


def _chosen_of(queued: Sequence[Job], active: Sequence[Job], capacity: JobCapacity) -> list[Job]:
    """The jobs to start of one queue. The tenant with the fewest active jobs comes first, the one whose oldest job
    waits longest on a tie. Where that job finds no room, nothing smaller overtakes it: else a large one might wait for
    ever."""
    waiting: dict[str, list[Job]] = {}
    for job in sorted(queued, key=_age, reverse=True):
        waiting.setdefault(job.tenant, []).append(job)
    running = Counter(job.tenant for job in active)
    cpu = sum(job.spec.resources.cpu for job in active)
    memory = sum(job.spec.resources.memory for job in active)
    chosen: list[Job] = []
    while waiting and len(active) + len(chosen) < capacity.jobs:
        tenant = min(waiting, key=lambda name: (running[name], _age(waiting[name][-1])))
        job = waiting[tenant][-1]
        cpu += job.spec.resources.cpu
        memory += job.spec.resources.memory
        alone = not active and not chosen
        if not alone and (cpu > capacity.cpu or memory > capacity.memory):
            break
        chosen.append(job)
        running[tenant] += 1
        waiting[tenant].pop()
        if not waiting[tenant]:
            del waiting[tenant]
    return chosen


def _age(job: Job) -> tuple[float, str]:
    return (job.created_at.timestamp(), job.id)
