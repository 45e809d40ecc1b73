"""Encrypts values by AES-256-GCM (NIST SP 800-38D) under a key of the home; tenant and name are authenticated."""

import hashlib
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bms.core.errors import DataLoss, FailedPrecondition

NONCE_BYTES = 12  # random: far from 2**32 values under one key, the bound of SP 800-38D 8.3


class AesGcmVault:
    """Encrypts and decrypts values. `keys`: the first one encrypts, all decrypt, so that a key can be replaced."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = {_id_of(key): AESGCM(key) for key in keys}
        self.key_id = _id_of(keys[0])

    def knows(self, key_id: str) -> bool:
        return key_id in self._ciphers

    def seal(self, tenant: str, name: str, value: bytes) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._ciphers[self.key_id].encrypt(nonce, value, _context(tenant, name, self.key_id))

    def unseal(self, tenant: str, name: str, key_id: str, sealed: bytes) -> bytes:
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise FailedPrecondition(
                f"the secret {name!r} was encrypted with the key {key_id}, which HOME/secrets does not hold: put the "
                f"file `master` of that time back and restart, or set the secret again with `bms secret set {name}`"
            )
        try:
            return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _context(tenant, name, key_id))
        except (InvalidTag, ValueError):
            raise DataLoss(f"the stored secret {name!r} was changed or belongs elsewhere: set it again") from None


def _id_of(key: bytes) -> str:
    """Says which key, and nothing of it."""
    return hashlib.sha256(b"bms vault key " + key).hexdigest()[:16]


def _context(tenant: str, name: str, key_id: str) -> bytes:
    return b"\0".join((b"bms secret 1", tenant.encode(), name.encode(), key_id.encode()))
