"""Which files of this machine a workload's sandbox shows, and which it may change: its own alone."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from bms.adapters.clusters.local.workload_inputs import ResolvedInputs

_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix/store")
_FACTS = (
    *("/proc", "/sys", "/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/gai.conf"),
    *("/etc/hostname", "/etc/passwd", "/etc/group", "/etc/services", "/etc/protocols", "/etc/localtime"),
    *("/etc/timezone", "/etc/os-release", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d"),
    *("/etc/alternatives", "/etc/fonts", "/etc/mime.types", "/etc/ssl/certs", "/etc/ssl/cert.pem"),
    *(
        "/etc/ssl/openssl.cnf",
        "/etc/ca-certificates",
        "/etc/pki/tls/certs",
        "/etc/pki/ca-trust",
        "/etc/crypto-policies",
    ),
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")
_SHARED = ("/dev/shm",)  # semaphores and shared memory of multiprocessing # noqa: S108
# Not the whole prefix: an interpreter at ~/bin/python must not open all of ~.
_OF_A_PREFIX = ("bin", "etc", "include", "lib", "lib32", "lib64", "libexec", "pyvenv.cfg", "share", "ssl")


def allowed(
    supplied: ResolvedInputs, *, slim: str, own: Iterable[Path], hidden: Iterable[Path], devices: Iterable[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Lists paths by what may be done with them, in the terms of `confinement.RIGHTS`.

    `own` are the workload's directories. `hidden`, absolute and without links, are what none of the general places
    may open, wherever they happen to lie: the home, the sockets. `devices` are the files of its GPUs.
    """
    kept = tuple(hidden)
    run = [path for root in (*map(Path, _PROGRAMS), *_interpreter(supplied.python)) for path in _around(root, kept)]
    return {
        "run": (*map(str, run), slim),
        "read": (*_FACTS, *supplied.trees.values()),
        "device": (*_DEVICES, *devices),
        "shared": _SHARED,
        "own": tuple(map(str, own)),
    }


def _interpreter(python: str) -> Iterator[Path]:
    """The interpreter's prefix, and that of the one it is a link to. Not what pyvenv.cfg says: a package of the
    environment may have written that."""
    for path in (Path(python), Path(os.path.realpath(python))):
        prefix = path.parent.parent
        if prefix != Path("/"):
            yield from (prefix / part for part in _OF_A_PREFIX)


def _around(root: Path, hidden: tuple[Path, ...]) -> Iterator[Path]:
    """`root`, or, where something hidden lies below it, everything else below it."""
    real = Path(os.path.realpath(root))
    if not any(path.is_relative_to(real) for path in hidden):
        yield root
    elif real not in hidden and real.is_dir():
        for below in sorted(real.iterdir()):
            yield from _around(below, hidden)
