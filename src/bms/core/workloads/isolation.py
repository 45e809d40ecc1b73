"""Isolation of workloads from the platform and from one another: the protections, and the levels that they add up
to."""

from typing import Literal

import msgspec

Level = Literal["none", "basic", "confined", "strict"]
LEVELS: tuple[Level, ...] = ("none", "basic", "confined", "strict")

# What each level needs beside what the levels before it need.
NEEDS: dict[Level, tuple[str, ...]] = {
    "none": (),
    "basic": ("files", "calls"),
    "confined": ("network", "signals"),
    "strict": ("view", "processes", "memory limit", "process limit"),
}
MEANING: dict[str, str] = {
    "files": "reads and writes only the files it was given",
    "calls": "no capabilities, no new privileges, and no system calls that only attackers need",
    "network": "no connection to anything but sockets in its own directories",
    "signals": "signals, traces and abstract sockets reach its own processes alone",
    "view": "a tree of files of its own, read-only but for its directories, with a /tmp and /dev/shm of its own",
    "processes": "sees its own processes alone",
    "memory limit": "the kernel keeps it within its memory",
    "process limit": "the kernel keeps it within its processes and threads",
}


class Protection(msgspec.Struct, frozen=True, kw_only=True):
    """One protection. `how` it is done; `lacking`, why it is not there, is empty where it is."""

    name: str
    how: str = ""
    lacking: str = ""

    @property
    def on(self) -> bool:
        return not self.lacking


class Isolation(msgspec.Struct, frozen=True, kw_only=True):
    """The isolation of a machine. `level` is the highest that all needed protections are on for."""

    level: Level = "none"
    protections: tuple[Protection, ...] = ()


def isolation(protections: tuple[Protection, ...]) -> Isolation:
    on = {each.name for each in protections if each.on}
    level: Level = "none"
    for candidate in LEVELS:
        if not on.issuperset(NEEDS[candidate]):
            break
        level = candidate
    return Isolation(level=level, protections=protections)


def keeps_files(found: Isolation) -> bool:
    """Whether no workload can change a file that is not its own, nor its mode."""
    return {"files", "view"} <= {each.name for each in found.protections if each.on}


def reaches(found: Isolation, wanted: Level) -> bool:
    return LEVELS.index(found.level) >= LEVELS.index(wanted)


def shortfall(found: Isolation, wanted: Level) -> str:
    """Returns what `found` lacks for the level `wanted`, in words; empty where it lacks nothing."""
    if reaches(found, wanted):
        return ""
    needed = [name for level in LEVELS[: LEVELS.index(wanted) + 1] for name in NEEDS[level]]
    by_name = {each.name: each for each in found.protections}
    reasons = [
        f"{name}: {by_name[name].lacking if name in by_name else 'not offered here'}"
        for name in needed
        if name not in by_name or not by_name[name].on
    ]
    return f"isolation {wanted!r} can't be given here, only {found.level!r}. What lacks: " + "; ".join(reasons)


def words(found: Isolation) -> str:
    """Formats the level, what is on, and what is not, for people."""
    on = ", ".join(each.name for each in found.protections if each.on)
    off = ", ".join(each.name for each in found.protections if not each.on)
    return f"{found.level} ({on or 'nothing'}{f'; without {off}' if off else ''})"


def told(found: Isolation) -> Isolation:
    """Formats it for every tenant: what is on and what is not, without why."""
    return Isolation(
        level=found.level,
        protections=tuple(
            each if each.on else Protection(name=each.name, lacking="not on this machine") for each in found.protections
        ),
    )
