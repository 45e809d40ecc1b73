"""TLS of the gateways: a certificate and its key from two files, read again whenever they change.

Clients that speak both protocols get HTTP/2, over which browsers send many requests at once; every path is answered
over either.
"""

import logging
import ssl
from pathlib import Path

from bms.core.errors import InvalidArgument

PROTOCOLS = ("h2", "http/1.1")  # ALPN, the first that the client offers too

log = logging.getLogger("bms.tls")
Stamp = tuple[tuple[int, int, int], ...]


def read_certificate(certificate: str, key: str) -> ssl.SSLContext:
    """A server's TLS context of TLS 1.2 or newer. Raises InvalidArgument saying what is wrong with which file."""
    for what, path in (("certificate", certificate), ("key", key)):
        try:
            if not Path(path).read_bytes().strip():
                raise InvalidArgument(f"the TLS {what} {path} is empty")
        except OSError as error:
            raise InvalidArgument(f"the TLS {what} {path} can't be read: {error.strerror}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(list(PROTOCOLS))
    try:
        context.load_cert_chain(certificate, key, password=lambda: _protected(key))
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise InvalidArgument(f"the TLS key {key} does not belong to the certificate {certificate}") from None
        raise InvalidArgument(
            f"the TLS certificate {certificate} and key {key} can't be used: they must be PEM ({error.reason or error})"
        ) from None
    return context


class Certificate:
    """The TLS context that a gateway accepts connections with, kept up to date with its files. Open connections keep
    the one that they began with."""

    def __init__(self, certificate: str, key: str) -> None:
        """Reads the files. Raises InvalidArgument as `read_certificate` does."""
        self._files = (certificate, key)
        self._stamp = self._look()
        self.context = read_certificate(certificate, key)
        self._newest = self.context
        self.context.sni_callback = self._choose

    def refresh(self) -> bool:
        """Reads the files again if they changed, and returns whether new connections get another certificate now. It is
        cheap enough for every second. Files that can't be used change nothing: a warning is logged once, until the next
        change."""
        stamp = self._look()
        return stamp != self._stamp and self.reload(stamp)

    def reload(self, stamp: Stamp | None = None) -> bool:
        """Reads the files again, changed or not."""
        self._stamp = stamp or self._look()
        try:
            self._newest = read_certificate(*self._files)
        except InvalidArgument as error:
            log.warning("the certificate stays as it was: %s", error.message)
            return False
        log.info("the certificate %s was read again", self._files[0])
        return True

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        if connection.context is not self._newest:
            connection.context = self._newest

    def _look(self) -> Stamp:
        """The state of the files, by which a change is noticed; a file that is missing is a state, too."""
        return tuple(self._seen(path) for path in self._files)

    @staticmethod
    def _seen(path: str) -> tuple[int, int, int]:
        try:
            found = Path(path).stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_size, found.st_ino)


def _protected(key: str) -> str:
    raise InvalidArgument(f"the TLS key {key} is protected by a password: give one that is not")
