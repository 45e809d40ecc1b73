"""Remembers which database belongs to a home, and checks that the two belong together.

The URL that the first start was given is kept in HOME/secrets/database-url; HOME/platform holds an identity that the
database has, too. Without the URL, a start without one would begin anew beside the old data, with another key for its
owner; without the identity, a home could be started on the database of another platform.
"""

from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from bms.adapters.sql.database.left import LEFT
from bms.adapters.sql.database.urls import ends_early
from bms.app.home.directory import write_private
from bms.core.errors import FailedPrecondition
from bms.core.ids import new_id

FILE = "secrets/database-url"
IDENTITY = "platform"  # the home's; its database has the same
OWN = ""  # SQLite in the home, wherever that is moved


def remembered(home: Path) -> str | None:
    """The database's URL, `OWN` for SQLite in the home; None before a first start was completed."""
    try:
        return (home / FILE).read_text().strip()
    except FileNotFoundError:
        return None


class DatabaseState(NamedTuple):
    """The state of a database before a home uses it: whether a platform's data is in it, and that platform's
    identity."""

    in_use: bool
    platform: str | None


def check(home: Path, url: str, found: DatabaseState) -> str:
    """Checks that the home belongs to the database at `url`, and returns the identity that both share, made at a first
    start.

    Raises FailedPrecondition where the database holds nothing, but the home was in use with one; and where it is
    another platform's, whose keys and secrets this home could not read, or was left for another database.
    """
    if found.platform is not None and found.platform.startswith(LEFT):
        raise _left(home, url, found.platform.removeprefix(LEFT))
    before, own = remembered(home), identity(home)
    if before is not None and not found.in_use:
        raise FailedPrecondition(
            f"{shown(url)} is empty, but this home was in use with {shown(before)}: start it with that one "
            "(BMS_DATABASE_URL; unset, the home's own), or restore it. To begin anew, choose another --home"
        )
    if found.platform is None:
        if found.in_use and before is None and url != OWN and not (home / "admin.key").exists():
            raise _foreign(home, url, "another platform", "any words")
        return own or _keep(home, new_id("platform"))
    if own is None and before == url:  # a home from before homes had identities
        return _keep(home, found.platform)
    if own != found.platform:
        raise _foreign(home, url, f"another platform ({found.platform})", found.platform)
    return own


def _left(home: Path, url: str, identity: str) -> FailedPrecondition:
    before = remembered(home)
    now = "another database" if before is None or before == url else shown(before)
    return FailedPrecondition(
        f"{shown(url)} is out of date: its rows were moved to {now} (`bms database move`). Start the home with "
        "that database (BMS_DATABASE_URL; unset, the one that the home remembers). If it is lost for ever, write "
        f"{identity} into the column id of the table platform here: this database can be used then, with its old rows"
    )


def _foreign(home: Path, url: str, whose: str, identity: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"{shown(url)} is in use with {whose}, whose keys and secrets this home can't read: start that platform's "
        "home with it, or restore that home from its backup; this home needs a database of its own. If that home is "
        f"lost for ever, write {identity} into {home / IDENTITY} and make a key by `bms key recover`"
    )


def identity(home: Path) -> str | None:
    """The platform's identity; None before a first start."""
    try:
        return (home / IDENTITY).read_text().strip()
    except FileNotFoundError:
        return None


def _keep(home: Path, identity: str) -> str:
    write_private(home / IDENTITY, f"{identity}\n".encode())
    return identity


def remember(home: Path, url: str) -> None:
    """Keeps the URL for the next start, unless that is given another: one that was moved, or has a new password."""
    if remembered(home) != url:
        write_private(home / FILE, f"{url}\n".encode())


def shown(url: str) -> str:
    """The URL for people: without its password."""
    if url == OWN:
        return "the SQLite database in the home"
    if ends_early(url):  # what would be shown as the database's name is a part of its password
        return f"the database {url.partition('://')[0]}://…"
    parts = urlsplit(url)
    return f"the database {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
