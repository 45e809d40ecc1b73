"""The resource options of model servers and jobs."""

from typing import Annotated

import typer

from bms.core.workloads.resources import parse_size

Cpu = Annotated[float | None, typer.Option("--cpu", help="Cores per model server.")]
Memory = Annotated[str | None, typer.Option("--memory", help="Memory per model server, like 512Mi.")]
Gpu = Annotated[int | None, typer.Option("--gpu", help="GPUs per model server.")]
GpuMemory = Annotated[
    str | None, typer.Option("--gpu-memory", help="Memory of each GPU, like 20Gi, beside others; else all of it.")
]
JobCpu = Annotated[float | None, typer.Option("--cpu", help="Cores of the job; 1 unless said.")]
JobMemory = Annotated[str | None, typer.Option("--memory", help="Memory of the job, like 4GiB; 2GiB unless said.")]
JobGpu = Annotated[int | None, typer.Option("--gpu", help="GPUs of the job.")]


def resources_given(
    cpu: float | None, memory: str | None, gpu: int | None, gpu_memory: str | None = None
) -> dict[str, int | float]:
    """The limits that were given, by name. Raises InvalidArgument."""
    given: dict[str, int | float | None] = {
        "cpu": cpu,
        "memory": None if memory is None else parse_size(memory),
        "gpu": gpu,
        "gpu_memory": None if gpu_memory is None else parse_size(gpu_memory),
    }
    return {name: value for name, value in given.items() if value is not None}
