"""A version moves along the lines of its state machine and no others."""

from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest

from bms.control.models.nouns import Version, VersionState
from bms.control.models.states import HIDDEN, MOVES, SETTLED, moved
from bms.core.errors import FailedPrecondition

LEGAL = {
    ("uploading", "verifying"),
    ("uploading", "rejected"),
    ("verifying", "ready"),
    ("verifying", "rejected"),
    ("ready", "offline"),
    ("ready", "deleted"),
    ("offline", "ready"),
    ("offline", "deleted"),
    ("rejected", "deleted"),
}
STATES: tuple[VersionState, ...] = get_args(VersionState)
VERSION = Version(
    id="version_1",
    tenant="acme",
    model="digits",
    number=3,
    state="uploading",
    runtime="onnx",
    artifact="sha256:" + "0" * 64,
    size=1,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    created_by="user_1",
    reason="before",
)


@pytest.mark.parametrize("to", STATES)
@pytest.mark.parametrize("state", STATES)
def test_moves(state: VersionState, to: VersionState) -> None:
    version = msgspec.structs.replace(VERSION, state=state)
    if (state, to) in LEGAL:
        assert moved(version, to, "why") == msgspec.structs.replace(version, state=to, reason="why")
        return
    with pytest.raises(FailedPrecondition, match=f"version 3 of 'digits' is {state} and cannot become {to}"):
        moved(version, to)


def test_a_refusal_says_what_is_possible() -> None:
    with pytest.raises(FailedPrecondition, match="can become ready or rejected"):
        moved(msgspec.structs.replace(VERSION, state="verifying"), "deleted")
    with pytest.raises(FailedPrecondition, match="can become nothing else"):
        moved(msgspec.structs.replace(VERSION, state="deleted"), "ready")


def test_every_state_is_in_the_machine_and_only_deleted_is_final() -> None:
    assert set(MOVES) == set(STATES)
    assert [state for state, moves in MOVES.items() if not moves] == ["deleted"]
    assert {"ready", "rejected", "offline", "deleted"} == SETTLED
    assert {"uploading", "deleted"} == HIDDEN
