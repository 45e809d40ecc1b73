"""Package indexes: configured by the operator, never by a tenant, who may only choose one by its name."""

import re
from collections.abc import Mapping

import msgspec

from bms.core.errors import InvalidArgument

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_URL = re.compile(r"(https?|file)://[^\s]+")
_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")


class PackageSources(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's package indexes and wheel directories. Indexes are URLs and may hold passwords; `named` is by
    name. What is empty is left as uv's and pip's own settings have it. `find_links` are absolute directories of wheels,
    or URLs of pages that link to some."""

    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    named: dict[str, str] = {}
    offline: bool = False

    def __post_init__(self) -> None:
        for url in (*filter(None, [self.index_url]), *self.extra_index_urls, *self.named.values()):
            if not _URL.fullmatch(url):
                raise InvalidArgument(
                    f"{url.rpartition('@')[2]!r} is no index: expected a URL like https://host/simple"
                )
        for name in self.named:
            if not _NAME.fullmatch(name) or name == "url":
                raise InvalidArgument(
                    f"an index can't be named {name[:80]!r}: expected lower-case letters, digits and '-', and not 'url'"
                )
        for place in self.find_links:
            if "," in place or not (place.startswith("/") or _URL.fullmatch(place)):
                raise InvalidArgument(f"{place!r} can't be a place of wheels: expected an absolute path without commas")

    def index(self, name: str) -> str:
        """The URL of the index `name`; "" for the default. Raises InvalidArgument naming those there are."""
        if not name:
            return ""
        try:
            return self.named[name]
        except KeyError:
            there = ", ".join(sorted(self.named)) or "none"
            raise InvalidArgument(
                f"there is no index {name[:80]!r}: the operator configured {there} (`bms up --index NAME=URL`)"
            ) from None


def without_password(url: str) -> str:
    return _PASSWORD.sub("***@", url)


def holds_password(url: str) -> bool:
    return bool(_PASSWORD.search(url))


def with_sources(settings: Mapping[str, str], sources: PackageSources, index: str = "") -> dict[str, str]:
    """Adds the operator's sources to uv's environment variables; what comes from index `index` comes from nowhere else.

    uv asks indexes in order and takes a package from the first that has it, so that a public index can't replace a
    package by another of the same name; one that refuses our password ends the search. Raises InvalidArgument.
    """
    told = dict(settings)
    if sources.index_url:
        told.pop("UV_INDEX_URL", None)
        told["UV_DEFAULT_INDEX"] = sources.index_url
    if sources.extra_index_urls:
        told.pop("UV_EXTRA_INDEX_URL", None)
        told["UV_INDEX"] = " ".join(sources.extra_index_urls)
    if sources.find_links:
        told["UV_FIND_LINKS"] = ",".join(sources.find_links)
    if sources.offline:
        told["UV_OFFLINE"] = "1"
    if url := sources.index(index):
        told["UV_INDEX"] = " ".join(filter(None, [url, told.get("UV_INDEX", "")]))
    return told
