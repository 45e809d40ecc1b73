"""Certificates of a throw-away authority."""

from pathlib import Path
from typing import NamedTuple

import trustme


class Issued(NamedTuple):
    """PEM files: a server's certificate, its key, and the authority that stands behind it."""

    certificate: Path
    key: Path
    ca: Path


def issue(folder: Path, *names: str, authority: trustme.CA | None = None, by: str = "") -> Issued:
    """A certificate for `names`, by default for this machine; files in `folder` are replaced."""
    authority = authority or trustme.CA(organization_name=by or None)
    made = authority.issue_cert(*(names or ("localhost", "127.0.0.1", "::1")))
    issued = Issued(folder / "server.pem", folder / "server.key", folder / "ca.pem")
    made.private_key_pem.write_to_path(str(issued.key))
    issued.certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    authority.cert_pem.write_to_path(str(issued.ca))
    return issued
