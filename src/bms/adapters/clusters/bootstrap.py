"""A workload's first lines: wait for the word to go, then run the program with the slim part on the path.

Run by its path, in isolated mode, by an environment's own interpreter, so it needs nothing but the standard library:

    python -I bootstrap.py GATE SLIM PROGRAM CONFIG

GATE is the number of a pipe's reading end. One byte means that the workload's record is on disk and its limits
are set. The end of the pipe without it means that whoever started this died first: nobody knows of this process,
so it must not run anything.
"""

import ctypes
import os
import runpy
import sys

PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
NOBODY_KNOWS = 75  # EX_TEMPFAIL of sysexits.h


def run(gate: int, slim: str, program: str, config: str) -> None:
    if not os.read(gate, 1):
        os._exit(NOBODY_KNOWS)
    os.close(gate)
    # Grandchildren whose parents ended come to us instead of init, so that the whole family can be found and ended.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    sys.argv = [program, config]
    sys.path.insert(0, slim)
    runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    run(int(sys.argv[1]), *sys.argv[2:])
