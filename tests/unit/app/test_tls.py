"""Certificates and keys, as they are read."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from bms.app.gateway.tls import Certificate, read_certificate
from bms.app.settings import UpSettings
from bms.core.errors import InvalidArgument
from tests.peers.certificates import issue


def test_old_versions_of_tls_are_not_spoken(tmp_path: Path) -> None:
    made = issue(tmp_path)
    assert read_certificate(str(made.certificate), str(made.key)).minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("spoilt", "content", "said"),
    [
        ("certificate", None, "can't be read: No such file"),
        ("key", None, "can't be read: No such file"),
        ("certificate", b"", "is empty"),
        ("certificate", b"nonsense", "must be PEM"),
        ("key", b"nonsense", "must be PEM"),
        ("key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "must be PEM"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, spoilt: str, content: bytes | None, said: str) -> None:
    made = issue(tmp_path)
    path: Path = getattr(made, spoilt)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidArgument, match=said) as refusal:
        read_certificate(str(made.certificate), str(made.key))
    assert str(path) in refusal.value.message


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    made = issue(tmp_path)
    (tmp_path / "other").mkdir()
    other = issue(tmp_path / "other")
    with pytest.raises(InvalidArgument, match="does not belong to the certificate"):
        read_certificate(str(made.certificate), str(other.key))


def test_a_protected_key_is_refused_instead_of_asked_for(tmp_path: Path) -> None:
    made = issue(tmp_path)
    key = load_pem_private_key(made.key.read_bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    made.key.write_bytes(locked)
    with pytest.raises(InvalidArgument, match="protected by a password"):
        read_certificate(str(made.certificate), str(made.key))


def test_only_changed_files_are_read_again_and_bad_ones_change_nothing(tmp_path: Path) -> None:
    made = issue(tmp_path)
    certificate = Certificate(str(made.certificate), str(made.key))
    assert not certificate.refresh()
    made.key.write_bytes(b"half a k")
    assert not certificate.refresh()
    made.certificate.unlink()
    assert not certificate.refresh()
    issue(tmp_path)
    assert certificate.refresh()
    assert not certificate.refresh()
    assert certificate.reload()


@pytest.mark.parametrize("given", [{"tls_certificate": "/c"}, {"tls_key": "/k"}])
def test_a_certificate_needs_its_key(given: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument, match="both or neither"):
        UpSettings(home="/h", **given)  # type: ignore[arg-type]
