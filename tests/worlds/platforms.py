"""A real platform for tests: `bms up --detach` on a home of its own, any free port, ended with all it runs."""

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bms.sdk import Client
from tests import fork_server
from tests.worlds.homes import prepare

PATIENCE_S = 100.0


class Ran:
    """What a command said."""

    def __init__(self, status: int, out: str, errors: str) -> None:
        self.status = status
        self.out = out
        self.errors = errors

    @property
    def json(self) -> object:
        return json.loads(self.out)


class RealPlatform:
    """Its home, and commands against it."""

    def __init__(self, home: Path) -> None:
        self.home = home

    @property
    def url(self) -> str:
        return str(json.loads((self.home / "run" / "endpoint.json").read_bytes())["url"])

    @property
    def key(self) -> str:
        return (self.home / "admin.key").read_text().strip()

    def client(self) -> Client:
        return Client(self.url, self.key)

    def bms(self, *arguments: str, at: bool = True, patience_s: float = PATIENCE_S, **environment: str) -> Ran:
        """Runs a command as a person would; `at` adds --home."""
        return bms(*arguments, *(("--home", str(self.home)) if at else ()), patience_s=patience_s, **environment)

    def good(self, *arguments: str) -> Ran:
        """The same, and it must succeed."""
        ran = self.bms(*arguments)
        assert ran.status == 0, ran.errors
        return ran


def bms(*arguments: str, patience_s: float = PATIENCE_S, typed: str = "", **environment: str) -> Ran:
    """The console command in a process of its own, with nothing of this one's settings for it. `typed` is what comes
    by its standard input."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BMS_", "XDG_"))}
    with tempfile.TemporaryFile() as into, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        into.write(typed.encode())
        into.seek(0)
        process = fork_server.start(
            fork_server.COMMAND,
            arguments,
            env={**kept, "COLUMNS": "200", **environment},
            stdin=into.fileno(),
            stdout=out.fileno(),
            stderr=errors.fileno(),
        )
        try:
            status = process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        said = []
        for stream in (out, errors):
            stream.seek(0)
            said.append(stream.read().decode())
    return Ran(status, *said)


@contextlib.contextmanager
def real_platform(home: Path, *options: str, shared: bool = True) -> Iterator[RealPlatform]:
    """A platform that is ready; `options` are more of `bms up`'s; `shared` is
    `prepare`'s."""
    prepare(home, shared=shared)
    started = bms("up", "--home", str(home), "--port", "0", "--detach", *options)
    assert started.status == 0, started.errors
    try:
        yield RealPlatform(home)
    finally:
        ended = bms("down", "--home", str(home))
        assert ended.status == 0, ended.errors
