"""Pagination of listings."""

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Some items and the cursor of the next page, None at the end."""

    items: list[T]
    next: str | None = None
