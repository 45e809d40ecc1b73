"""Mutual authentication of a node agent and its controls: a pinned certificate, and a shared secret."""

import datetime
import hashlib
import os
import secrets
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bms.adapters.clusters.node_agent.secret import read_secret

CERTIFICATE, SECRET, PLATFORM = "certificate.pem", "secret", "platform"
_NEVER = datetime.datetime(9999, 12, 31, 23, 59, 59)  # RFC 5280, 4.1.2.5: no date on which it ends
_SECRET_BYTES = 32


class AgentIdentity:
    """The agent's certificate and secret, in `folder`, which is its owner's alone; made once, when first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Makes the files that are missing."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.path.exists():
            _write(self.path, secrets.token_hex(_SECRET_BYTES).encode() + b"\n")
        if not (self._folder / CERTIFICATE).exists():
            _write(self._folder / CERTIFICATE, _made())

    @property
    def path(self) -> Path:
        """The path of the secret's file."""
        return self._folder / SECRET

    @property
    def secret(self) -> str:
        """The secret that controls must present. Raises FailedPrecondition."""
        return read_secret(self.path)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate in DER, in hexadecimal digits: what controls and gateways verify."""
        certificate = x509.load_pem_x509_certificate((self._folder / CERTIFICATE).read_bytes())
        return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()

    def taken(self, platform: str) -> str:
        """The platform whose workloads this agent runs: `platform`, if it had none before, from now on."""
        path = self._folder / PLATFORM
        if not path.exists():
            _write(path, f"{platform}\n".encode())
        return path.read_text().strip()

    def context(self) -> ssl.SSLContext:
        """The TLS context for the agent's server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self._folder / CERTIFICATE)
        return context


def _made() -> bytes:
    """A key and a certificate that it signed itself, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bms node agent")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1))  # whatever the clocks of both machines say
        .not_valid_after(_NEVER)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all; never over one that is there."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(unfinished, path)
        except FileExistsError:
            pass  # another one was first
    finally:
        unfinished.unlink()
