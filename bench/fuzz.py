"""Mutational fuzzing of the decoders and of a real gateway's socket: `python bench/fuzz.py SECONDS [SEED]`.

Prints cases per second. Stops at the first input that does what it must not, saves it below build/fuzz, and ends with
status 1. The seed is printed, so that a run can be repeated.
"""

import hashlib
import sys
import time
from collections.abc import Callable
from random import SystemRandom

from fuzzing import gateway, watched
from fuzzing.watched import Finding
from measuring.machine import ROOT, prepare

_PARTS: tuple[tuple[str, Callable[[float, int], int], float], ...] = (
    ("decoders", watched.fuzz, 0.6),
    ("gateway socket", gateway.fuzz, 0.4),
)


def main(arguments: list[str]) -> int:
    if not 1 <= len(arguments) <= 2:
        print(__doc__, file=sys.stderr)
        return 2
    prepare()
    seconds = float(arguments[0])
    seed = int(arguments[1]) if len(arguments) == 2 else SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    for name, fuzz, share in _PARTS:
        began = time.monotonic()
        try:
            count = fuzz(seconds * share, seed)
        except Finding as found:
            print(f"{found}\nthe input is in {_save(found)}", file=sys.stderr)
            return 1
        took = time.monotonic() - began
        print(f"{name}: {count:,} cases, {count / took:,.0f} per second, none did what it must not", flush=True)
    return 0


def _save(found: Finding) -> str:
    folder = ROOT / "build" / "fuzz"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{found.decoder.replace(' ', '-')}-{hashlib.sha256(found.data).hexdigest()[:12]}"
    (folder / name).write_bytes(found.data)
    return str((folder / name).relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
