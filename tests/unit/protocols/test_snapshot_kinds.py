"""Gateways and control of different releases: known kinds stay as they are on the wire, others are left out."""

import logging

import msgspec
import pytest

from bms.core.serving.snapshot import KeyEntry, SnapshotUpdate
from bms.protocols import bus
from bms.protocols.lengths import LENGTH
from bms.protocols.snapshots.kinds import UpdateDecoder

KEY = KeyEntry(id="k", tenant="t", user="u", role="owner", scopes=frozenset(), digest=b"d")
UPDATE = SnapshotUpdate(revision=7, full=True, puts=(KEY,), deletes=(("deployment", "d"),), pepper=b"p")
AS_RELEASED = {
    "type": "update",
    "revision": 7,
    "full": True,
    "puts": [
        {
            "type": "key",
            "id": "k",
            "tenant": "t",
            "user": "u",
            "role": "owner",
            "scopes": [],
            "digest": b"d",
            "expires_at": None,
            "rate_per_s": None,
            "burst": None,
        }
    ],
    "deletes": [["deployment", "d"]],
    "pepper": b"p",
    "more": False,
}
QUOTA = {"type": "quota", "id": "q", "tenant": "t", "limit": 5}


def later(**more: object) -> bytes:
    """What control of a later release sends."""
    return msgspec.msgpack.encode(AS_RELEASED | more)


def test_existing_kinds_are_sent_as_the_last_release_reads_them() -> None:
    assert msgspec.msgpack.decode(bus.encode(UPDATE)[LENGTH.size :]) == AS_RELEASED


def test_entries_of_unknown_kinds_are_left_out_of_what_control_sends(caplog: pytest.LogCaptureFixture) -> None:
    body = later(puts=[QUOTA, *AS_RELEASED["puts"], QUOTA], deletes=[["quota", "p"], ["deployment", "d"]])  # type: ignore[misc]
    decoder = UpdateDecoder()
    with caplog.at_level(logging.WARNING):
        assert [decoder.decode(body) for _ in range(2)] == [UPDATE, UPDATE]
    assert [record.getMessage().count("'quota'") for record in caplog.records] == [1], "said once"
    assert bus.to_gateway.decode(body) == UPDATE


def test_unknown_fields_of_known_kinds_are_left_out() -> None:
    assert bus.to_gateway.decode(later(puts=[{**AS_RELEASED["puts"][0], "color": 1}])) == UPDATE  # type: ignore[index]


@pytest.mark.parametrize(
    "more",
    [
        {"puts": [{"type": "key", "id": "k"}]},
        {"puts": [QUOTA, {"type": "key", "id": "k"}]},
        {"puts": [{"id": "k"}]},
        {"revision": "x"},
        {"type": "news"},
    ],
)
def test_what_is_of_a_known_kind_must_be_readable(more: dict[str, object]) -> None:
    with pytest.raises(msgspec.DecodeError):
        bus.to_gateway.decode(later(**more))
