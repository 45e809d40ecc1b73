"""What model servers ask of whoever connects to them: a token for each replica, known to control and gateways alone."""

import hashlib
import hmac

SIZE = 16  # bytes


class ReplicaTokens:
    """Tokens by replica's id, made of one key of the home and kept nowhere: a restarted control makes the same."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, replica: str) -> bytes:
        """The token of a replica; ids are never used twice, so neither are tokens."""
        return hmac.digest(self._key, b"replica " + replica.encode(), hashlib.sha256)[:SIZE]
