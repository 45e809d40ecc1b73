"""Large updates travel in parts, and equal parts of entries become one object."""

import pytest

from bms.core.errors import InvalidArgument
from bms.core.serving.snapshot import DeploymentEntry, KeyEntry, ServedVersion, SnapshotUpdate
from bms.core.tensors.signature import Signature, TensorSpec
from bms.protocols import bus
from bms.protocols.lengths import LENGTH
from bms.protocols.snapshots.parts import PART, PartsReader, parts_of


def key(number: int) -> KeyEntry:
    return KeyEntry(id=f"k{number}", tenant="t", user="u", role="owner", scopes=frozenset(), digest=b"d")


def deployment(id: str) -> DeploymentEntry:
    signature = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 4)),), outputs=())
    versions = tuple(
        ServedVersion(number=n, state="LOADING", signatures={"serving_default": signature}, replicas=()) for n in (1, 2)
    )
    said: dict[str, object] = {"max_in_flight": 7, "timeout_s": 3.5, "dialect": "kserve", "known_aliases": ("new",)}
    return DeploymentEntry(id=id, tenant="t", name=id, model="m", versions=versions, **said)  # type: ignore[arg-type]


def update(keys: int, **more: object) -> SnapshotUpdate:
    puts = tuple(key(number) for number in range(keys))
    return SnapshotUpdate(revision=7, full=True, puts=puts, deletes=(("key", "gone"),), pepper=b"p", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("keys", [0, 1, PART, PART + 1, 3 * PART, 3 * PART + 7])
def test_parts_are_small_and_make_up_the_whole_again(keys: int) -> None:
    parts = list(parts_of(update(keys)))
    assert all(len(part.puts) <= PART for part in parts)
    reader = PartsReader()
    *before, whole = [reader.feed(bus.to_gateway.decode(bus.encode(part)[LENGTH.size :])) for part in parts]  # type: ignore[arg-type]
    assert before == [None] * (len(parts) - 1)
    assert whole == update(keys)


def test_parts_of_different_updates_are_not_put_together() -> None:
    reader = PartsReader()
    assert reader.feed(update(1, more=True)) is None
    with pytest.raises(InvalidArgument, match="among those of"):
        reader.feed(SnapshotUpdate(revision=8, full=False, puts=(key(1),)))


def test_versions_with_equal_signatures_share_one_even_over_several_updates() -> None:
    reader = PartsReader()
    found = []
    for revision in (1, 2):
        sent = SnapshotUpdate(revision=revision, full=False, puts=(deployment("a"), deployment("b")))
        got = reader.feed(bus.to_gateway.decode(bus.encode(sent)[LENGTH.size :]))  # type: ignore[arg-type]
        assert got == sent
        found += [
            version.signatures for entry in got.puts if isinstance(entry, DeploymentEntry) for version in entry.versions
        ]
    assert len(found) == 8
    assert all(one is found[0] for one in found)
