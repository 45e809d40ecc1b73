"""What training code of your own imports: the job that runs it, its data as arrays and frames, and saving its model.

    from bms.jobs import Job

    def main(job: Job):
        data = job.dataset()
        x, y = data.arrays("train")
        …
        job.metric("accuracy", accuracy, step=epoch)
        job.save_model(model)

It is part of every job, whatever its environment. docs/training.md says more. Read job, then dataset, then saving
(replacing).
"""

from bms.adapters.toolkits.job_context import JobCancelled
from bms.jobs.dataset import Dataset
from bms.jobs.job import Job, current_job

__all__ = ["Dataset", "Job", "JobCancelled", "current_job"]
