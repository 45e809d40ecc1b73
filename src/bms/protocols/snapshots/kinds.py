"""Decodes snapshot updates, and leaves out entries of kinds that this release does not know.

Control may be of a later release, and a file on the disk may be its, too. What is of a known kind must be readable.
"""

import logging
from typing import Any, get_args

import msgspec

from bms.core.serving.snapshot import Entry, EntryName, SnapshotUpdate

log = logging.getLogger(__name__)
_KINDS = frozenset(str(kind.__struct_config__.tag) for kind in get_args(Entry))


class UpdateDecoder:
    """Decodes updates from msgpack; logs each unknown kind once."""

    def __init__(self) -> None:
        self._unknown: set[str] = set()

    def decode(self, body: bytes | memoryview) -> SnapshotUpdate:
        """Decodes an update. Raises msgspec.DecodeError, or UnicodeDecodeError for text that is none."""
        try:
            return _decode(body)
        except msgspec.ValidationError as error:
            return self.again(body, error)

    def again(self, body: bytes | memoryview, error: msgspec.ValidationError) -> SnapshotUpdate:
        """Decodes the known kinds of `body`, which can't be decoded for this reason. Raises msgspec.ValidationError,
        this one where `body` is no update."""
        try:
            update = _decode_any(body)
        except msgspec.ValidationError:
            raise error from None
        kinds = [_decode_kind(entry).type for entry in update.puts]
        for kind in {*kinds, *(kind for kind, _ in update.deletes)} - _KINDS - self._unknown:
            self._unknown.add(kind)
            log.warning("entries of kind %r are left out: control, which sends them, is of a later release", kind[:80])
        return SnapshotUpdate(
            revision=update.revision,
            full=update.full,
            puts=tuple([_decode_entry(raw) for raw, kind in zip(update.puts, kinds, strict=True) if kind in _KINDS]),
            deletes=tuple([name for name in update.deletes if name[0] in _KINDS]),
            pepper=update.pepper,
            more=update.more,
        )


class _AnyUpdate(msgspec.Struct, frozen=True, kw_only=True, tag="update"):
    """A SnapshotUpdate with entries of any kind."""

    revision: int
    full: bool
    puts: tuple[msgspec.Raw, ...] = ()
    deletes: tuple[EntryName, ...] = ()
    pepper: bytes = b""
    more: bool = False


class _Kind(msgspec.Struct, frozen=True):
    """The kind of an entry, whatever else it has."""

    type: str


_decode = msgspec.msgpack.Decoder(SnapshotUpdate).decode
_decode_any = msgspec.msgpack.Decoder(_AnyUpdate).decode
_decode_kind = msgspec.msgpack.Decoder(_Kind).decode
_decode_entry = msgspec.msgpack.Decoder[Any](Entry).decode
