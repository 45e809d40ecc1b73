"""The first program of a workload's process: waits for permission to start, sandboxes itself, then executes the
workload's interpreter.

Run by its path, by the platform's own interpreter, isolated and without its packages:

    python -I -S bootstrap.py GATE WALLS PYTHON SLIM PROGRAM CONFIG

GATE is the number of a pipe's reading end. One byte means that the workload's record is on disk and its limits
are set. The end of the pipe without it means that whoever started this died first: nobody knows of this process,
so it must not run anything. WALLS is a JSON file with what `sandbox.put_up` takes; it is there until the word has come.

PYTHON, the environment's interpreter, begins only when this process is confined, because an environment is made of
packages that a tenant chose, and packages may bring code that runs whenever their interpreter starts.
"""

import ctypes
import importlib
import json
import os
import sys

PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
NOBODY_KNOWS = 75  # EX_TEMPFAIL of sysexits.h
NOT_CONFINED = 71  # EX_OSERR
NOT_FOUND = 127  # what shells say of a program that can't be run
START = (
    "import runpy, sys; slim, sys.argv = sys.argv[1], sys.argv[2:]; sys.path.insert(0, slim); "
    "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)


def run(gate: int, walls: str, python: str, slim: str, program: str, config: str) -> None:
    # Before the gate, so that it is done while the record is written.
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, os.path.dirname(folder))
    put_up = importlib.import_module(f"{os.path.basename(folder)}.sandbox").put_up
    if not os.read(gate, 1):
        os._exit(NOBODY_KNOWS)
    os.close(gate)
    # Grandchildren whose parents ended come to us instead of init, so that the whole family can be found and ended.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        with open(walls, "rb") as file:
            kept_in = json.load(file)
        os.unlink(walls)  # which tells whoever finds this process gone that it was let go (`recovery`)
        put_up(kept_in, python)
    except OSError as error:
        sys.stderr.write(f"not started, since it can't be confined: {error}\n")
        sys.exit(NOT_CONFINED)
    try:
        os.execv(python, [python, "-I", "-c", START, slim, program, config])  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{python} can't be run: {error.strerror}\n")
        sys.exit(NOT_FOUND)


if __name__ == "__main__":
    run(int(sys.argv[1]), *sys.argv[2:])
