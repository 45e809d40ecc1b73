"""The platform's own tasks: each module is what a job with the entry "task:NAME" runs.

A task defines `main(job: Job) -> dict[str, object] | None` (`adapters/toolkits/job_context`): it reads
`job.parameters` and `job.inputs`, writes below `job.output`, and returns its report. A BmsError it raises becomes
the job's error word for word. Heavy libraries are imported inside functions.
"""
