"""Endpoints of model servers: a socket of this machine, or a port of another one that proves who it is."""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from bms.core.errors import InvalidArgument

UNIX, TLS = "unix:", "tcp+tls:"
_EXPECTED = 'expected "unix:/PATH" or "tcp+tls:HOST:PORT#sha256=FINGERPRINT"'
_TLS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>\d{1,5})#(?P<what>\S*)")
_FINGERPRINT = re.compile("[0-9a-f]{64}")


class WrongPeer(ConnectionRefusedError):
    """Raised where the other side is not the expected one; nothing was sent to it. Trying again does not help by
    itself."""


class UnixEndpoint(NamedTuple):
    """A Unix socket by its path."""

    path: str

    def __str__(self) -> str:
        return f"{UNIX}{self.path}"


class TlsEndpoint(NamedTuple):
    """A TCP port with TLS. `sha256` is all that is verified: the SHA-256 of the certificate that the other side shows,
    in DER, as 64 hexadecimal digits. `name` is what is asked for there, where several are behind one port. `host` is
    without the brackets of an IPv6 address."""

    host: str
    port: int
    sha256: str
    name: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        asked = {"sha256": self.sha256} | ({"name": self.name} if self.name else {})
        return f"{TLS}{host}:{self.port}#{urlencode(asked, quote_via=quote)}"


Endpoint = UnixEndpoint | TlsEndpoint


def parse_endpoint(text: str) -> Endpoint:
    """Parses the endpoint that `str` of one wrote. Raises InvalidArgument."""
    if text.startswith(UNIX) and len(text) > len(UNIX):
        return UnixEndpoint(text.removeprefix(UNIX))
    if text.startswith(TLS):
        return _tls(text)
    raise InvalidArgument(f"{text[:200]!r} is no endpoint: {_EXPECTED}")


def _tls(text: str) -> TlsEndpoint:
    found = _TLS.fullmatch(text.removeprefix(TLS))
    if found is None:
        raise InvalidArgument(f"{text[:200]!r} is no endpoint: {_EXPECTED}")
    if not 1 <= int(found["port"]) <= 65535:
        raise InvalidArgument(f"endpoint {text[:200]!r} has port {found['port']}, expected 1 to 65535")
    asked = dict(parse_qsl(found["what"], keep_blank_values=True))
    if not _FINGERPRINT.fullmatch(asked.get("sha256", "")):
        raise InvalidArgument(
            f"endpoint {text[:200]!r} does not say what to verify: expected sha256= and the 64 hexadecimal digits of "
            "the certificate's fingerprint behind #"
        )
    if unknown := sorted(asked.keys() - {"sha256", "name"}):
        raise InvalidArgument(f"endpoint {text[:200]!r} says {unknown[0]!r}, which is unknown: {_EXPECTED}")
    return TlsEndpoint(found["host"].strip("[]"), int(found["port"]), asked["sha256"], asked.get("name", ""))
