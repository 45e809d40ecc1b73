"""Pagination of listings by opaque cursors, because offsets skip and repeat rows while others write."""

import base64
from typing import Generic, TypeVar

import msgspec

from bms.core.errors import InvalidArgument

T = TypeVar("T")
MAX_LIMIT = 500


class PageRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The page to read: at most `limit` items after the one that `after` names (a key, already decoded)."""

    limit: int = 100
    after: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise InvalidArgument(f"limit is {self.limit}, expected 1 to {MAX_LIMIT}")


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Some items and the cursor of the next page, None at the end."""

    items: list[T]
    next: str | None = None


def encode_cursor(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """Returns the key in a cursor. Raises InvalidArgument for what `encode_cursor` did not write."""
    try:
        if not cursor:
            raise ValueError
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:  # empty, not ASCII, not base64, or not UTF-8 inside
        raise InvalidArgument(f"cursor {cursor[:40]!r} is not one of ours: repeat the listing from its start") from None


def page_of(rows: list[tuple[str, T]], limit: int) -> Page[T]:
    """Makes a page of up to `limit + 1` rows of (key, item), read in key order."""
    return Page(
        items=[item for _, item in rows[:limit]],
        next=encode_cursor(rows[limit - 1][0]) if len(rows) > limit else None,
    )
