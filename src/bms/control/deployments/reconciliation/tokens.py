"""Tokens by which gateways and control authenticate to model servers, one for each replica."""

import hashlib
import hmac

SIZE = 16  # bytes


class ReplicaTokens:
    """Derives each replica's token from one key of the home and its id; none is stored, and a restarted control derives
    the same."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, replica: str) -> bytes:
        """The token of a replica; ids are never used twice, so neither are tokens."""
        return hmac.digest(self._key, b"replica " + replica.encode(), hashlib.sha256)[:SIZE]
