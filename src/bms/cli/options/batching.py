"""The options that say how requests are put together; several commands take them."""

from typing import Annotated

import typer

Batch = Annotated[int | None, typer.Option(help="Rows put together at most; 1: off.")]
BatchPolicy = Annotated[
    str | None, typer.Option(help="off, static (by size and wait) or adaptive (to a latency objective).")
]
BatchWait = Annotated[float | None, typer.Option(help="Milliseconds a request waits for company; static only.")]
BatchObjective = Annotated[
    float | None, typer.Option(help="Milliseconds from arrival to answer to keep to; adaptive only.")
]
BatchSizes = Annotated[
    str | None, typer.Option(help="The only numbers of rows that may run, like 1,4,16; others are filled up.")
]
