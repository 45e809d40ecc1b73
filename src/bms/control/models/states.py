"""The states of a version, and the only moves between them."""

import msgspec

from bms.control.models.nouns import Version, VersionState
from bms.core.errors import FailedPrecondition

MOVES: dict[VersionState, tuple[VersionState, ...]] = {
    "uploading": ("verifying", "rejected"),  # rejected: given up before all its bytes were there
    "verifying": ("ready", "rejected"),
    "ready": ("offline", "deleted"),
    "offline": ("ready", "deleted"),
    "rejected": ("deleted",),
    "deleted": (),
}
HIDDEN: frozenset[VersionState] = frozenset({"uploading", "deleted"})  # left out of listings unless asked for
SETTLED: frozenset[VersionState] = frozenset(MOVES) - {"uploading", "verifying"}


def moved(version: Version, to: VersionState, reason: str = "") -> Version:
    """The version in the state `to`. Raises FailedPrecondition, saying what is possible, for an illegal move."""
    if to not in MOVES[version.state]:
        possible = " or ".join(MOVES[version.state]) or "nothing else"
        raise FailedPrecondition(
            f"version {version.number} of {version.model!r} is {version.state} and cannot become {to}: "
            f"from here it can become {possible}"
        )
    return msgspec.structs.replace(version, state=to, reason=reason)
