"""The options that say how much of a machine a model server gets."""

from typing import Annotated

import typer

Cpu = Annotated[float | None, typer.Option("--cpu", help="Cores per model server.")]
Memory = Annotated[str | None, typer.Option("--memory", help="Memory per model server, like 512Mi.")]
Gpu = Annotated[int | None, typer.Option("--gpu", help="GPUs per model server.")]
GpuMemory = Annotated[
    str | None, typer.Option("--gpu-memory", help="Memory of each GPU, like 20Gi, beside others; else all of it.")
]
