"""The meters: what usage is counted in. A usage is (subject, meter, quantity), and quantities are whole numbers.

One event's quantity has at most 63 bits; sums may have any number. A meter's name and unit never change; books may hold
meters that are not listed here, of a newer release.
"""

from typing import Literal, NamedTuple

Of = Literal["requests", "replicas", "jobs", "storage"]


class Meter(NamedTuple):
    """One meter: `unit` of its quantities, what has it, and what it counts, in words."""

    name: str
    unit: str
    of: Of
    counts: str


REQUESTS = "requests"
INPUT_TOKENS = "input_tokens"
OUTPUT_TOKENS = "output_tokens"

METERS = (
    Meter(REQUESTS, "1", "requests", "answered attempts of requests"),
    Meter("rows", "1", "requests", "rows that were asked for and not refused"),
    Meter("bytes_in", "bytes", "requests", "the request's body"),
    Meter("bytes_out", "bytes", "requests", "the answer's body"),
    Meter("compute_ns", "nanoseconds", "requests", "the model's own time, each request's share of its run"),
    Meter("queue_ns", "nanoseconds", "requests", "waiting for the model, at the replica"),
    Meter("total_ns", "nanoseconds", "requests", "from the request's start at the gateway to its end"),
    Meter(INPUT_TOKENS, "1", "requests", "tokens of the input, where model or client tell them"),
    Meter(OUTPUT_TOKENS, "1", "requests", "tokens of the output, where the model tells them"),
)
OF_EVERY_REQUEST = ("rows", "bytes_in", "bytes_out", "compute_ns", "queue_ns", "total_ns")
"""Meters that every request has, in the order of the books' columns; others are kept beside, where there are any."""
BY_NAME = {meter.name: meter for meter in METERS}
