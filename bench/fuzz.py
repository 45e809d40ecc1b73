"""Fuzzing of the decoders and of a real gateway's sockets: `python bench/fuzz.py SECONDS [SEED]`.

Prints, for each part, how many inputs there were, how many were taken, and the slowest. Stops at the first input that
does what it must not, saves it below build/fuzz, and ends with status 1. The seed is printed, so that a run can be
repeated.
"""

import hashlib
import sys
from collections.abc import Callable
from random import SystemRandom

from fuzzing import gateway, watched
from fuzzing.watched import Finding, Tally
from measuring.machine import ROOT, prepare

_PARTS: tuple[tuple[Callable[[float, int], list[Tally]], float], ...] = ((watched.fuzz, 0.6), (gateway.fuzz, 0.4))


def main(arguments: list[str]) -> int:
    if not 1 <= len(arguments) <= 2:
        print(__doc__, file=sys.stderr)
        return 2
    prepare()
    seconds = float(arguments[0])
    seed = int(arguments[1]) if len(arguments) == 2 else SystemRandom().randrange(1 << 32)
    print(f"seed {seed}\n{'':26}{'inputs':>12}{'per second':>12}{'taken':>8}{'slowest':>12}")
    count = 0
    for fuzz, share in _PARTS:
        try:
            tallies = fuzz(seconds * share, seed)
        except Finding as found:
            print(f"{found}\nthe input is in {_save(found)}", file=sys.stderr)
            return 1
        for tally in tallies:
            print(_line(tally), flush=True)
            count += tally.cases
    print(f"{count:,} inputs, none did what it must not")
    return 0


def _line(tally: Tally) -> str:
    rate, taken = tally.cases / max(tally.seconds, 1e-9), tally.taken / max(tally.cases, 1)
    return f"{tally.name:26}{tally.cases:>12,}{rate:>12,.0f}{taken:>8.0%}{tally.slowest_s * 1e3:>9,.1f} ms"


def _save(found: Finding) -> str:
    folder = ROOT / "build" / "fuzz"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{found.decoder.replace(' ', '-').replace('/', '-')}-{hashlib.sha256(found.data).hexdigest()[:12]}"
    (folder / name).write_bytes(found.data)
    return str((folder / name).relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
