"""The module that your own training code imports: the job that runs it, its data as arrays and frames, and saving its
model.

    from bms.jobs import Job

    def main(job: Job):
        data = job.dataset()
        x, y = data.arrays("train")
        …
        job.metric("accuracy", accuracy, step=epoch)
        job.save_model(model)

It is part of every job, whatever its environment. docs/training.md says more. Read job, then dataset, then saving
(replacing).

What reads data and saves models is imported when it is used: most jobs are the platform's own, which do neither.
"""

from typing import TYPE_CHECKING

from bms.adapters.toolkits.job_context import JobCancelled
from bms.jobs.job import Job, current_job

if TYPE_CHECKING:
    from bms.jobs.dataset import Dataset

__all__ = ["Dataset", "Job", "JobCancelled", "current_job"]


def __getattr__(name: str) -> object:
    if name == "Dataset":
        from bms.jobs.dataset import Dataset

        return Dataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
