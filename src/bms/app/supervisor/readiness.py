"""The supervisor's readiness probe: one plain HTTP request, without an HTTP library in the supervisor's memory."""

import asyncio
import ssl
from pathlib import Path

TIMEOUT_S = 2.0
REQUEST = b"GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is listened on, not listening


async def answers_ready(host: str, port: int, *, tls: bool = False) -> bool:
    """Whether `GET /v2/health/ready` answers 200 now. With `tls` the certificate is not checked: the caller opened the
    socket itself."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_connection(
                ANYWHERE.get(host, host), port, ssl=_unchecked() if tls else None
            )
            try:
                writer.write(REQUEST)
                line = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):  # an SSLError is an OSError
        return False
    return line.startswith(b"HTTP/1.1 200 ")


def _unchecked() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def listens(path: Path) -> bool:
    """Whether somebody accepts connections on the Unix socket at `path`."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_unix_connection(path)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
