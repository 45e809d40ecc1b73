"""Authenticates API keys against the snapshot, without a database."""

from bms.core.access.credentials import (
    KeyText,
    parse_authorization,
    parse_basic,
    parse_key,
    secret_digest,
    secret_matches,
)
from bms.core.access.principal import Principal
from bms.core.errors import Unauthenticated
from bms.core.serving.snapshot import KeyEntry
from bms.serving.traffic.snapshot_index import SnapshotIndex

PERMISSION = "inference:invoke"
_REMEMBERED = 4096


class KeyCheck:
    """Checks keys, and caches good ones for as long as the index is the same, which spares their digest."""

    def __init__(self) -> None:
        self._index: SnapshotIndex | None = None
        self._good: dict[tuple[bytes | None, bytes | None], KeyEntry] = {}

    def check(self, index: SnapshotIndex, authorization: bytes | None, api_key: bytes | None, now_ns: int) -> KeyEntry:
        """Returns the key presented as an `Authorization` value, or else as an `x-api-key` value, at Unix time
        `now_ns`.

        Raises Unauthenticated for no key, an unknown, a wrong or an expired one, and PermissionDenied for one that
        may not invoke inference.
        """
        if index is not self._index:
            self._index = index
            self._good.clear()
        presented = (authorization, api_key)
        entry = self._good.get(presented)
        if entry is None:
            entry = _checked(index, authorization, api_key)
            if len(self._good) >= _REMEMBERED:
                self._good.clear()
            self._good[presented] = entry
        if entry.expires_at is not None and entry.expires_at <= now_ns:
            raise Unauthenticated("this key has expired: ask an admin of the tenant for a new one")
        return entry


def _checked(index: SnapshotIndex, authorization: bytes | None, api_key: bytes | None) -> KeyEntry:
    text = _parsed(authorization, api_key)
    entry = index.keys.get(text.key_id)
    if entry is None:
        secret_digest(index.pepper or b"none", text.secret)  # so that an unknown id takes as long as a wrong secret
        raise Unauthenticated("this key is not known: it is mistyped, revoked or expired")
    if not secret_matches(index.pepper, text.secret, entry.digest):
        raise Unauthenticated("this key is not known: it is mistyped, revoked or expired")
    Principal(tenant=entry.tenant, user=entry.user, key=entry.id, role=entry.role, scopes=entry.scopes).require(
        PERMISSION
    )
    return entry


def _parsed(authorization: bytes | None, api_key: bytes | None) -> KeyText:
    if authorization is not None:
        header = authorization.decode("latin-1")
        text = parse_authorization(header) or parse_basic(header)
    elif api_key is not None:
        text = parse_key(api_key.decode("latin-1").strip())
    else:
        raise Unauthenticated("no key: send the header 'Authorization: Bearer <key>'")
    if text is None:
        raise Unauthenticated("this is not a key: send 'Authorization: Bearer bmsk_<id>.<secret>'")
    return text
