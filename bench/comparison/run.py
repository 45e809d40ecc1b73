"""Starts the systems, checks every answer, then measures all of them in turns: case by case, one after another."""

import http.client
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from measuring.cases import Case
from measuring.loads import closed_loop
from measuring.machine import QUICK, Strangers, wait_quiet
from measuring.report import NOISY
from measuring.requests import Target
from systems import Missing, System
from systems.catalogue import FLOORS
from systems.measure import Measured, WrongAnswer, check, measure, warm
from systems.peer import Peer

PATIENCE_S = 60.0
TRIES = 60


class Ready(NamedTuple):
    """A system that answers rightly, and what to send it: the target and the answer's length, by case."""

    system: System
    targets: dict[str, tuple[Target, int]]


class Tries:
    """How many measurements of a run may be taken again: a machine that is never quiet must not keep it for hours."""

    def __init__(self, left: int = TRIES) -> None:
        self._left = left

    def again(self) -> bool:
        self._left -= 1
        return self._left >= 0


class Lack(NamedTuple):
    """What was not measured. `case` is empty where it is all of a system."""

    system: str
    case: str
    reason: str


Seen = dict[tuple[str, str, int], list[Measured]]  # case, system, connections


def start(systems: Sequence[System], cases: Sequence[Case], ready: list[Ready]) -> list[Lack]:
    """Starts one after another and adds those that answer rightly to `ready`; what can't be had, with the reason."""
    lacks = []
    for system in systems:
        print(f"starting {system.name}", file=sys.stderr, flush=True)
        try:
            system.start()
        except Missing as error:
            lacks.append(Lack(system.name, "", _plain(str(error))))
            continue
        targets: dict[str, tuple[Target, int]] = {}
        ready.append(Ready(system, targets))  # whatever comes now, it is stopped in the end
        system.resume()
        reasons = system.missing()
        lacks += [Lack(system.name, case.name, reasons[case.name]) for case in cases if case.name in reasons]
        offered = system.targets()
        for case in cases:
            if case.name not in offered:
                continue
            target = offered[case.name]
            try:
                length = 0 if system.name == FLOORS[0] else check(system, target, PATIENCE_S)
            except (RuntimeError, WrongAnswer) as error:
                lacks.append(Lack(system.name, case.name, _plain(str(error), _words(system))))
                if not system.alive():
                    break
                continue
            targets[case.name] = (target, length)
        system.pause()
    return lacks


def compare(
    ready: Sequence[Ready], cases: Sequence[Case], repeats: int, strangers: Strangers, lacks: list[Lack]
) -> Seen:
    """A B C, A B C, …: everyone who is not measured stands still. A run with failed requests has no figures."""
    seen: Seen = defaultdict(list)
    tries = Tries()
    for repeat in range(repeats):
        for case in cases:
            print(f"round {repeat + 1} of {repeats}: {case.name}", file=sys.stderr, flush=True)
            for connections in case.sizes():
                for system, targets in ready:
                    if case.name not in targets:
                        continue
                    system.resume()
                    try:
                        found = _once(system, *targets[case.name], connections, case.duration(), tries)
                        strangers.saw(found.taken)
                        seen[case.name, system.name, connections].append(found)
                    except (RuntimeError, OSError, http.client.HTTPException) as error:
                        lacks.append(Lack(system.name, f"{case.name}, c={connections}", _plain(str(error))))
                    finally:
                        system.pause()
    return seen


def _once(system: System, target: Target, length: int, connections: int, seconds: float, tries: Tries) -> Measured:
    """Again, at most twice, where others used more of the machine than a run can bear: the quietest counts."""
    best = None
    for _ in range(1 if QUICK else 3):
        warm(target)
        found = measure(system, lambda: closed_loop(target, connections, seconds, length))
        if best is None or found.taken < best.taken:
            best = found
        if best.taken < NOISY or not tries.again():
            break
        wait_quiet(3.0)
    assert best is not None
    return best


def _plain(error: str, words: str = "") -> str:
    """Both without the paths of this machine; of the error the beginning, of what the server printed the end."""
    error, words = (re.sub(r"(/[\w.+-]+)+/", "…/", " ".join(text.split())) for text in (error, words))
    return f"{error[:200]}. Its last words: … {words[-150:]}" if words else error[:300]


def _words(system: System) -> str:
    return " ".join(server.words() for server in system.servers) if isinstance(system, Peer) else ""
