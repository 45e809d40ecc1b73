"""API keys: an id that may be seen and a secret that is shown once and stored only as a digest.

A key is written `bmsk_<id>.<secret>`. The stored digest is HMAC-SHA256(pepper, secret): secrets carry 256
random bits, so a slow password hash would buy nothing and cost every request (RFC 2104).
"""

import hashlib
import hmac
import re
import secrets
from base64 import b64decode
from typing import NamedTuple

from bms.core.ids import new_id

KEY_PREFIX = "bmsk"
_KEY = re.compile(rf"({KEY_PREFIX}_[0-9a-z]{{26}})\.([A-Za-z0-9_-]{{43}})")


class KeyText(NamedTuple):
    """An API key as its owner holds it: id and secret."""

    key_id: str
    secret: str

    def __str__(self) -> str:
        return f"{self.key_id}.{self.secret}"


def new_key() -> KeyText:
    return KeyText(new_id(KEY_PREFIX), secrets.token_urlsafe(32))


def parse_key(text: str) -> KeyText | None:
    """Returns the id and the secret of a key, or None where the text has not a key's form."""
    found = _KEY.fullmatch(text)
    return KeyText(found[1], found[2]) if found else None


def parse_authorization(header: str) -> KeyText | None:
    """Returns the key in an `Authorization: Bearer …` value, or None."""
    scheme, _, value = header.partition(" ")
    return parse_key(value.strip()) if scheme.lower() == "bearer" else None


def parse_basic(header: str) -> KeyText | None:
    """Returns the key in an `Authorization: Basic …` value (RFC 7617), as the password, or as the user's name where
    there is no password, or None. Clients that know no other way get it from their URL or from a netrc file."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return parse_key(password or user) if colon else None


def secret_digest(pepper: bytes, secret: str) -> bytes:
    """Returns the 32 bytes to store in place of the secret."""
    return hmac.digest(pepper, secret.encode(), hashlib.sha256)


def secret_matches(pepper: bytes, secret: str, digest: bytes) -> bool:
    """Whether the digest is that of `secret`; takes the same time either way."""
    return hmac.compare_digest(secret_digest(pepper, secret), digest)
