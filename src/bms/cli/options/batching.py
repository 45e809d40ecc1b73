"""The batching options of deployments."""

from typing import Annotated

import typer

Batch = Annotated[int | None, typer.Option(help="The largest batch, in rows; 1: no batching.")]
BatchPolicy = Annotated[
    str | None, typer.Option(help="off, static (by size and wait) or adaptive (to a latency objective).")
]
BatchWait = Annotated[
    float | None, typer.Option(help="Milliseconds a request waits for others to share its batch; static only.")
]
BatchObjective = Annotated[
    float | None, typer.Option(help="The latency objective, in milliseconds from arrival to answer; adaptive only.")
]
BatchSizes = Annotated[
    str | None, typer.Option(help="The only numbers of rows that may run, like 1,4,16; others are filled up.")
]
