"""Runs uv with the right settings, and passes on its output."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence

from uv import find_uv_bin

from bms.adapters.environments.sources import without_password
from bms.core.cancellation import to_the_end
from bms.core.errors import FailedPrecondition

LAST_WORDS = 2000  # characters
_COMPLAINTS = ("error:", "  ×", "×", "Found ")  # the last is `uv pip check`'s
_HANDED_ON = (
    *("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
)
# pip's name: uv's name, and what uv puts between several values where pip puts white space.
_FROM_PIP = {
    "PIP_INDEX_URL": ("UV_DEFAULT_INDEX", None),
    "PIP_EXTRA_INDEX_URL": ("UV_INDEX", " "),
    "PIP_FIND_LINKS": ("UV_FIND_LINKS", ","),
    "PIP_NO_INDEX": ("UV_OFFLINE", None),  # the nearest it has: only directories of wheels, and what it has fetched
    "PIP_CERT": ("SSL_CERT_FILE", None),
    "PIP_DEFAULT_TIMEOUT": ("UV_HTTP_TIMEOUT", None),
    "PIP_TRUSTED_HOST": ("UV_INSECURE_HOST", " "),
}


def settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Builds all environment variables of a uv process, from ours: uv's own settings, pip's translated, and nothing
    else. uv's own settings win over pip's."""
    translated = {
        name: separator.join(environ[pip].split()) if separator else environ[pip]
        for pip, (name, separator) in _FROM_PIP.items()
        if environ.get(pip)
    }
    handed_on = {name: value for name, value in environ.items() if name.startswith("UV_") or name in _HANDED_ON}
    return {
        **translated,
        **handed_on,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }


async def run_uv(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    tell: Callable[[str], None],
    keep_open: int,
    patience_s: float,
) -> None:
    """Runs uv to its end, and passes on each line of its output, without the passwords in URLs.

    `keep_open` is a descriptor that stays open as long as uv runs, even when we die. Raises FailedPrecondition with the
    end of uv's output when it fails or takes longer than `patience_s`.
    """
    process = await asyncio.create_subprocess_exec(
        os.fsdecode(find_uv_bin()),
        *arguments,
        env=environment,
        cwd="/",  # uv reads settings from the directories above the one it is started in
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,  # what uv makes goes to files; what it says comes by stderr
        stderr=asyncio.subprocess.PIPE,
        pass_fds=(keep_open,),
        start_new_session=True,
    )
    said: list[str] = []
    try:
        async with asyncio.timeout(patience_s):
            await _listen(process, said, tell)
            code = await process.wait()
    except TimeoutError:
        raise FailedPrecondition(
            f"the installer took more than {patience_s:g} s and was stopped; its last output: {_last(said)}"
        ) from None
    finally:
        await ended(process)
    if code:
        raise FailedPrecondition(f"the environment can't be built: {_last(said)}")


async def ended(process: asyncio.subprocess.Process) -> None:
    """Kills the process if it still runs, and all that it started: it was started in a session of its own."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await to_the_end(process.wait())


async def _listen(process: asyncio.subprocess.Process, said: list[str], tell: Callable[[str], None]) -> None:
    assert process.stderr
    rest = b""
    while chunk := await process.stderr.read(65_536):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            _say(line, said, tell)
    if rest:
        _say(rest, said, tell)


def _say(line: bytes, said: list[str], tell: Callable[[str], None]) -> None:
    text = without_password(line.decode(errors="replace").rstrip())
    said.append(text)
    tell(text)


def _last(said: Sequence[str]) -> str:
    """The end of uv's output, from its first error on where it fits."""
    complaint = next((at for at, line in enumerate(said) if line.startswith(_COMPLAINTS)), 0)
    text = "\n".join(line for line in said[complaint:] if line).strip()
    return text[-LAST_WORDS:] or "it printed nothing"
