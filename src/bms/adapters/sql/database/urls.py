"""Checks a database's URL, before any library reads it."""

from urllib.parse import urlsplit

from bms.core.errors import InvalidArgument


def ends_early(url: str) -> bool:
    """Whether a character of the user's name or password ends the part that holds them, so that the rest of it would be
    taken for the host, the database's name or options."""
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets
        return True
    return "@" in parts.path or ("@" not in parts.netloc and "@" in parts.query + parts.fragment)


def check_url(url: str) -> str:
    """Checks `url`: its user and password must be where they seem to be. Raises InvalidArgument, which shows nothing of
    it."""
    if not url.startswith("sqlite") and ends_early(url):
        raise InvalidArgument(
            "the user's name or password in the database's URL holds one of / ? # [ ], which must be percent-encoded: "
            "%2F for /, %3F for ?, %23 for #, %5B for [, %5D for ] (and %40 for @, %25 for %)"
        )
    return url
