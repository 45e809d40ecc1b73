"""A tenant's job that does the harm that its parameters name."""

import ctypes
import os
import socket
import time
from pathlib import Path


def main(job):
    return {"segfault": segfault, "allocate": allocate, "fork": fork, "fill": fill, "sleep": sleep, "call": call}[
        job.parameters["act"]
    ](job.parameters)


def segfault(_):
    ctypes.string_at(0)


def allocate(_):
    kept = []
    while True:
        kept.append(b"x" * 20_000_000)


def fork(_):
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.05)


def fill(_):
    number = 0
    while True:
        number += 1
        Path(f"file-{number}").write_bytes(b"x" * 1_000_000)


def sleep(_):
    time.sleep(3600)


def call(given):
    """Asks the gateway, and the machine's other doors; says what came of each."""
    said = {}
    for name, family, address in (
        ("gateway", socket.AF_INET, ("127.0.0.1", given["port"])),
        ("control", socket.AF_UNIX, given["control"]),
        ("a model server", socket.AF_UNIX, given["replica"]),
    ):
        try:
            with socket.socket(family) as connection:
                connection.connect(address)
            said[name] = "reached"
        except OSError as error:
            said[name] = f"denied: {error.strerror}"
    return said
