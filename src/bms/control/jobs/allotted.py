"""The allotments of jobs: an attempt holds cores and memory while it runs, an output its bytes while it is kept.
Pure."""

from bms.control.jobs.nouns import Job, JobSpec
from bms.control.platform.allotments import Allotment, compute_rates
from bms.control.platform.trees import Tree

_MODEL = "model/"


def held_by(job: Job, device_memory: int = 0) -> Allotment:
    """The allotment of the present attempt of `job`, which it holds from its start to its end."""
    return Allotment(
        of="jobs",
        subject=job.workload,
        tenant=job.tenant,
        rates=compute_rates("jobs", job.spec.resources, device_memory),
    )


def size_of_its_own(spec: JobSpec, output: Tree) -> int:
    """Bytes of a job's output without what becomes a version or a data set, which is counted there."""
    if spec.kind == "import":
        return 0
    registered = spec.model or "register" in spec.then
    return sum(file.size for file in output.files if not (registered and file.path.startswith(_MODEL)))
