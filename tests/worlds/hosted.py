"""Many models behind one gateway, served by one process of their library's environment, which imports it once.

Every model that is pushed and deployed has its library imported twice, to be verified and to be served, which takes
longer than all that is asked of it. What is shown of pushing is shown of one model of each kind; here others are asked.
"""

import asyncio
import json
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bms.core.serving.snapshot import Entry, ReplicaAddress
from bms.core.tensors.signature import Signature
from tests.framework_env import SOURCE, framework_python
from tests.worlds.gateways import FakeBus, deployment, gateway, key, version


class Model(NamedTuple):
    """Served as `name`; the folder `directory` is what a version's files are."""

    name: str
    directory: Path
    runtime: str
    allow_pickle: bool = True


class Answering(NamedTuple):
    """Where a gateway answers for the models, with which key; the rest by the names of models."""

    url: str
    key: str
    signatures: dict[str, dict[str, Signature]]
    formats: dict[str, str]


@contextmanager
def hosted(
    models: Sequence[Model], requirements: tuple[str, ...], sockets: Path, patience_s: float = 300
) -> Iterator[dict[str, dict[str, Any]]]:
    """What the process told of each model (`hosting.py`) and on which "socket" it serves it, for as long as it does."""
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": f"{SOURCE}:{SOURCE.parent}"}
    with (sockets / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(framework_python(requirements)), "-m", "tests.worlds.hosting"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, **alone},
            text=True,
        )
        patience = threading.Timer(patience_s, process.kill)
        patience.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            told = {}
            for number, model in enumerate(models):
                asked = {**model._asdict(), "directory": str(model.directory), "socket": str(sockets / str(number))}
                process.stdin.write(json.dumps(asked) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
                assert line, (sockets / "log").read_text()[-3000:]
                told[model.name] = {**json.loads(line), "socket": asked["socket"]}
            patience.cancel()
            yield told
        finally:
            patience.cancel()
            process.kill()
            process.communicate()


@asynccontextmanager
async def answering(told: dict[str, dict[str, Any]], folder: Path) -> AsyncIterator[Answering]:
    """A gateway before those that `hosted` told of and that are not refused. Its control knows no path."""
    text, entry = key()
    entries: list[Entry] = [entry]
    signatures, formats = {}, {}
    for name, one in told.items():
        if "refused" not in one:
            signatures[name] = msgspec.convert(one["signatures"], dict[str, Signature])
            formats[name] = one["format"]
            replica = ReplicaAddress(id=name, address=f"unix:{one['socket']}", token=b"token")
            entries.append(deployment(version(1, signatures=signatures[name], replicas=(replica,)), name=name))
    async with (
        await asyncio.start_unix_server(_nothing_is_here, folder / "control.sock"),
        FakeBus(str(folder / "bus.sock"), tuple(entries)) as bus,
        gateway(folder, bus) as process,
    ):
        yield Answering(process.url, str(text), signatures, formats)


async def _nothing_is_here(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
    writer.close()


@contextmanager
def all_answering(models: Sequence[Model], requirements: tuple[str, ...], folder: Path) -> Iterator[Answering]:
    """The same for who has no event loop; none may be refused."""
    with hosted(models, requirements, folder) as told, asyncio.Runner() as runner:
        refused = {name: one["refused"] for name, one in told.items() if "refused" in one}
        assert refused == {}
        opening = answering(told, folder)
        opened = runner.run(opening.__aenter__())
        bus = threading.Thread(target=runner.get_loop().run_forever)
        bus.start()
        try:
            yield opened
        finally:
            runner.get_loop().call_soon_threadsafe(runner.get_loop().stop)
            bus.join()
            runner.run(opening.__aexit__(None, None, None))
