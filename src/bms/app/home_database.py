"""Which database holds a home's books: what its first start was told, remembered in HOME/secrets/database-url.

Without that, a start that is not told would begin anew beside the old books, with another key for its owner.
"""

from pathlib import Path
from urllib.parse import urlsplit

from bms.app.home import write_private
from bms.core.errors import FailedPrecondition

FILE = "secrets/database-url"
OWN = ""  # SQLite in the home, wherever that is moved


def remembered(home: Path) -> str | None:
    """The URL, `OWN` for SQLite in the home; None before a first start has come to its end."""
    try:
        return (home / FILE).read_text().strip()
    except FileNotFoundError:
        return None


def check(home: Path, told: str, in_use: bool) -> None:
    """Raises FailedPrecondition where the database that was `told` holds nothing, but the home was in use with one."""
    before = remembered(home)
    if before is not None and not in_use:
        raise FailedPrecondition(
            f"{shown(told)} is empty, but this home was in use with {shown(before)}: start it with that one "
            "(BMS_DATABASE_URL; unset, the home's own), or restore it. To begin anew, choose another --home"
        )


def remember(home: Path, told: str) -> None:
    """For the next start, unless it is told another: one that was moved, or has a new password."""
    if remembered(home) != told:
        write_private(home / FILE, f"{told}\n".encode())


def shown(url: str) -> str:
    """For people: without its password."""
    if url == OWN:
        return "the SQLite database in the home"
    parts = urlsplit(url)
    if "@" in parts.path:  # of a password with a slash, which ended what holds it
        return f"the database {parts.scheme}://…"
    return f"the database {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
