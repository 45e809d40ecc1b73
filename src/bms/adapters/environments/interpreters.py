"""Lists the installed Python versions, as uv finds them."""

import asyncio
import os
from collections.abc import Mapping

import msgspec
from uv import find_uv_bin

from bms.adapters.environments.installer import ended
from bms.adapters.environments.recipe import OWN_PYTHON

_PATIENCE_S = 30


class _Found(msgspec.Struct):
    version: str
    implementation: str = ""


async def installed(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The installed versions such as "3.11", oldest first, the platform's own among them."""
    process = await asyncio.create_subprocess_exec(
        *(os.fsdecode(find_uv_bin()), "python", "list", "--only-installed", "--offline", "--output-format", "json"),
        env=environment,
        cwd="/",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_PATIENCE_S):
            said, _ = await process.communicate()
        found = msgspec.json.decode(said, type=list[_Found])
    except (TimeoutError, msgspec.DecodeError):
        found = []  # only words of help are made of it
    finally:
        await ended(process)
    versions = {OWN_PYTHON, *(".".join(each.version.split(".")[:2]) for each in found)}
    return tuple(sorted(versions, key=lambda version: [int(part) for part in version.split(".") if part.isdigit()]))
