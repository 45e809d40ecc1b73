"""The meters, in which usage is counted. A usage is (subject, meter, quantity), and quantities are whole numbers.

One event's quantity has at most 63 bits; sums may have any number. A meter's name and unit never change; stored usage
may have meters that are not listed here, of a newer release.
"""

from typing import Literal, NamedTuple

Of = Literal["requests", "replicas", "jobs", "storage"]
Held = Literal["replicas", "jobs", "storage"]
"""Of these, what holds something over a time, however much or little it does with it."""


class Meter(NamedTuple):
    """One meter: the `unit` of its quantities, what has it, and what it counts, in words."""

    name: str
    unit: str
    of: Of
    counts: str


REQUESTS = "requests"
INPUT_TOKENS = "input_tokens"
OUTPUT_TOKENS = "output_tokens"
STORAGE = "storage_byte_s"

METERS = (
    Meter(REQUESTS, "1", "requests", "answered attempts of requests"),
    Meter(
        "rows",
        "1",
        "requests",
        "rows that were asked for and not refused; of a model that runs one request at a time, "
        "since its rows are not independent, one for each request",
    ),
    Meter("bytes_in", "bytes", "requests", "the request's body"),
    Meter("bytes_out", "bytes", "requests", "the answer's body"),
    Meter("compute_ns", "nanoseconds", "requests", "the model's own time, each request's share of its run"),
    Meter("queue_ns", "nanoseconds", "requests", "waiting for the model, at the replica"),
    Meter("total_ns", "nanoseconds", "requests", "from the request's start at the gateway to its end"),
    Meter(INPUT_TOKENS, "1", "requests", "tokens of the input, where model or client tell them"),
    Meter(OUTPUT_TOKENS, "1", "requests", "tokens of the output, where the model tells them"),
    Meter("replica_ms", "milliseconds", "replicas", "time that replicas were held"),
    Meter("replica_cpu_ms", "core-milliseconds", "replicas", "cores that they were given, times that time"),
    Meter("replica_memory_mib_s", "MiB-seconds", "replicas", "memory that they were given, times that time"),
    Meter("replica_gpu_ms", "GPU-milliseconds", "replicas", "GPUs, or shares of them, times that time"),
    Meter("job_ms", "milliseconds", "jobs", "time that attempts of jobs were held"),
    Meter("job_cpu_ms", "core-milliseconds", "jobs", "cores that they were given, times that time"),
    Meter("job_memory_mib_s", "MiB-seconds", "jobs", "memory that they were given, times that time"),
    Meter("job_gpu_ms", "GPU-milliseconds", "jobs", "GPUs, or shares of them, times that time"),
    Meter(STORAGE, "byte-seconds", "storage", "bytes of what is kept, times the time it is"),
)
OF_EVERY_REQUEST = ("rows", "bytes_in", "bytes_out", "compute_ns", "queue_ns", "total_ns")
"""Meters that every request has, in the order of the usage tables' columns; others are kept beside, where there are
any."""
FURTHER = tuple(meter.name for meter in METERS if meter.name not in (REQUESTS, *OF_EVERY_REQUEST))
BY_NAME = {meter.name: meter for meter in METERS}
