"""Converts pages of a listing into answers of the API."""

from collections.abc import Callable
from typing import TypeVar

from bms.api_types.pages import Page
from bms.core.pages import Page as Found

N = TypeVar("N")
T = TypeVar("T")


def page(found: Found[N], view: Callable[[N], T]) -> Page[T]:
    return Page(items=[view(each) for each in found.items], next=found.next)
