"""TLS trust of the client: the usual authorities, a given one, or exactly one certificate."""

import ssl
from pathlib import Path

from bms.core.errors import InvalidArgument

END = "-----END CERTIFICATE-----"


class Trust:
    """Which server certificates are trusted. `ca`: authorities in a PEM file, instead of the usual ones. `certificate`:
    a PEM file whose first certificate is the server's own, and the only one that is trusted, whatever name it is for.
    Neither: the usual authorities."""

    def __init__(self, ca: Path | None = None, certificate: Path | None = None) -> None:
        self.ca = ca
        self.certificate = certificate

    def verify(self) -> ssl.SSLContext | bool:
        """The trust settings as httpx takes them. Raises InvalidArgument for a file that holds no certificate."""
        if self.certificate is not None:
            return _pinned(self.certificate)
        if self.ca is None:
            return True
        try:
            return ssl.create_default_context(cafile=str(self.ca))
        except ssl.SSLError:
            raise InvalidArgument(f"{self.ca} holds no certificate: expected PEM") from None
        except OSError as error:
            raise InvalidArgument(f"{self.ca} can't be read: {error.strerror}") from None


def _pinned(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # whoever shows this very certificate has its key
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        first, end, _ = certificate.read_text().partition(END)
        context.load_verify_locations(cadata=first + end)
    except (ssl.SSLError, ValueError):  # before OSError, of which SSLError is one
        raise InvalidArgument(f"{certificate} holds no certificate: expected PEM") from None
    except OSError as error:
        raise InvalidArgument(f"{certificate} can't be read: {error.strerror}") from None
    return context
