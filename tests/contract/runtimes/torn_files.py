"""Cut and garbled copies of a model, loaded and run in a process of its own, which native code may crash but not hang.

As a program: `torn_files.py RUNTIME FOLDER FILE FIRST [LIBRARY]` prints a line of JSON for each of `mutations` from
FIRST on; with LIBRARY it imports that once, and each copy has a process that is forked from there.
"""

import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.sizes import enough

PATIENCE_S = 30  # for one copy; whoever takes longer is ended by SIGALRM's default action
CUTS, FLIPS = enough(4, 12), enough(6, 40)


def mutations(content: bytes) -> Iterator[tuple[str, bytes]]:
    """("cut", …) can't be whole; ("garbled", …) may by luck still be a model."""
    chance = random.Random(7)
    for at in range(CUTS):
        yield "cut", content[: len(content) * at // CUTS]
    for _ in range(FLIPS if content else 0):
        garbled = bytearray(content)
        for _ in range(chance.choice((1, 1, 4))):
            garbled[chance.randrange(len(garbled))] = chance.randrange(256)
        yield "garbled", bytes(garbled)


def torn(runtime: str, model: Path, work: Path, *, library: str = "") -> None:
    """Asserts that no copy of `model` (a file within an artifact's folder) hangs or fails with anything but a BmsError,
    and that the cut ones are refused. `library`, which bears to be forked, need not be imported after every crash."""
    first, seen = 0, []
    while first < CUTS + FLIPS:
        done = subprocess.run(
            [sys.executable, __file__, runtime, str(model.parent), model.name, str(first), library],
            cwd=work,
            capture_output=True,
            timeout=(PATIENCE_S + 5) * (CUTS + FLIPS),
            check=False,
        )
        lines = [line for line in done.stdout.decode(errors="replace").splitlines() if line.startswith('{"number"')]
        seen += [json.loads(line) for line in lines]
        first += len(lines) + 1
        assert done.returncode != -signal.SIGALRM, f"number {first - 1} hangs"
        assert done.returncode <= 0, done.stderr.decode(errors="replace")[-3000:]
        if done.returncode == 0:
            break
    assert seen, "every copy crashed its process"
    for one in seen:
        assert one["refused"] or (one["kind"] == "garbled" and one["ran"]), one


def main(runtime: str, folder: str, file: str, first: str, library: str = "") -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    copy = Path("copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    for each in ("bms.adapters.runtimes.available", library) if library else ():
        importlib.import_module(each)
    for number, (kind, content) in enumerate(mutations((Path(folder) / file).read_bytes())):
        if number < int(first):
            continue
        (copy / file).write_bytes(content)
        if not library:
            tell(runtime, copy, number, kind)
        elif (pid := os.fork()) == 0:
            tell(runtime, copy, number, kind)
            os._exit(0)
        elif (status := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])) > 0:
            sys.exit(status)
        elif status == -signal.SIGALRM:
            os.kill(os.getpid(), signal.SIGALRM)


def tell(runtime: str, copy: Path, number: int, kind: str) -> None:
    """Loads the copy, which runs examples, too, and prints what came of it."""
    from bms.adapters.runtimes.available import open_servable
    from bms.core.errors import BmsError
    from bms.core.workloads.programs import ServableConfig

    outcome: dict[str, object] = {"number": number, "kind": kind, "refused": "", "ran": False}
    signal.alarm(PATIENCE_S)
    try:
        servable = open_servable(ServableConfig(runtime=runtime, directory=str(copy), model="m", version=1))
        servable.close()
        outcome["ran"] = True
    except BmsError as error:
        outcome["refused"] = error.message
    signal.alarm(0)
    print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
