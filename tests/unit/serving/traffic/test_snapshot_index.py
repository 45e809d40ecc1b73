from hypothesis import given
from hypothesis import strategies as st

from bms.core.serving.snapshot import DeploymentEntry, Entry, KeyEntry, ServedVersion, SnapshotUpdate
from bms.serving.traffic.snapshot_index import SnapshotIndex


def key(id: str, tenant: str = "a") -> KeyEntry:
    return KeyEntry(id=id, tenant=tenant, user="u", role="developer", scopes=frozenset(), digest=b"d")


def deployment(id: str, name: str, tenant: str = "a", numbers: tuple[int, ...] = ()) -> DeploymentEntry:
    versions = tuple(ServedVersion(number=n, state="LOADING", signatures={}, replicas=()) for n in numbers)
    return DeploymentEntry(id=id, tenant=tenant, name=name, model=name, versions=versions)


def full(*puts: Entry, revision: int = 1) -> SnapshotUpdate:
    return SnapshotUpdate(revision=revision, full=True, puts=puts, pepper=b"p")


def step(*puts: Entry, deletes: tuple[tuple[str, str], ...] = (), revision: int = 2) -> SnapshotUpdate:
    return SnapshotUpdate(revision=revision, full=False, puts=puts, deletes=deletes)  # type: ignore[arg-type]


def test_a_full_update_replaces_everything_and_brings_the_pepper() -> None:
    before = SnapshotIndex().apply(full(key("k1"), deployment("d1", "m")))
    after = before.apply(full(key("k2"), revision=5))
    assert (set(after.keys), after.routes, after.revision, after.pepper) == ({"k2"}, {}, 5, b"p")


def test_a_step_leaves_the_former_index_as_it_was() -> None:
    before = SnapshotIndex().apply(full(key("k1"), deployment("d1", "m", numbers=(1,))))
    after = before.apply(step(deployment("d1", "m", numbers=(2,)), deletes=(("key", "k1"),)))
    assert set(before.keys) == {"k1"}
    assert set(before.routes["a", "m"].versions) == {1}
    assert not after.keys
    assert set(after.routes["a", "m"].versions) == {2}
    assert after.pepper == b"p"


def test_a_deployment_is_found_by_its_name_in_its_tenant_only() -> None:
    index = SnapshotIndex().apply(full(deployment("d1", "m", "a"), deployment("d2", "m", "b")))
    assert index.routes["a", "m"].entry.id == "d1"
    assert index.routes["b", "m"].entry.id == "d2"
    assert [entry.id for entry in index.tenant_entries("b")] == ["d2"]


def test_a_renamed_deployment_loses_its_former_name() -> None:
    index = SnapshotIndex().apply(full(deployment("d1", "old"))).apply(step(deployment("d1", "new")))
    assert set(index.routes) == {("a", "new")}


def test_a_name_taken_over_survives_the_end_of_its_former_owner() -> None:
    index = SnapshotIndex().apply(full(deployment("d1", "m")))
    index = index.apply(step(deployment("d2", "m"))).apply(step(deletes=(("deployment", "d1"),)))
    assert index.routes["a", "m"].entry.id == "d2"


def test_an_index_names_the_deployments_that_changed_and_keeps_all_other_routes() -> None:
    before = SnapshotIndex().apply(full(deployment("d1", "a"), deployment("d2", "b"), deployment("d3", "c")))
    assert before.changed == {"d1", "d2", "d3"}
    after = before.apply(
        step(deployment("d1", "a", numbers=(1,)), deployment("d2", "b"), key("k"), deletes=(("deployment", "d3"),))
    )
    assert after.changed == {"d1", "d3"}
    assert after.by_id["d2"] is before.by_id["d2"]


def test_everything_again_changes_only_what_is_different() -> None:
    before = SnapshotIndex().apply(full(key("k"), deployment("d1", "a"), deployment("d2", "b"), deployment("d3", "c")))
    again = before.apply(full(key("k"), deployment("d1", "a"), deployment("d2", "b", numbers=(1,)), revision=9))
    assert again.changed == {"d2", "d3"}
    assert again.by_id["d1"] is before.by_id["d1"]
    assert again.keys["k"] is before.keys["k"]


def test_deleting_what_is_not_there_does_nothing() -> None:
    index = SnapshotIndex().apply(step(deletes=(("key", "k"), ("deployment", "d"))))
    assert (index.keys, index.by_id) == ({}, {})


_entries = st.one_of(
    st.builds(key, st.sampled_from("pqr"), st.sampled_from("ab")),
    st.builds(deployment, st.sampled_from("xyz"), st.sampled_from("mno"), st.sampled_from("ab")),
)
_steps = st.tuples(
    st.lists(_entries, max_size=3),
    st.lists(st.tuples(st.sampled_from(["key", "deployment"]), st.sampled_from("pqrxyz")), max_size=2),
)


@given(st.lists(_steps, max_size=8))
def test_steps_and_a_reload_from_disk_end_in_the_same_state(
    steps: list[tuple[list[Entry], list[tuple[str, str]]]],
) -> None:
    index = SnapshotIndex().apply(full())
    expected: dict[tuple[str, str], Entry] = {}
    for puts, deletes in steps:
        index = index.apply(step(*puts, deletes=tuple(deletes)))
        for name in deletes:
            expected.pop(name, None)
        expected.update({("key" if isinstance(put, KeyEntry) else "deployment", put.id): put for put in puts})
    again = SnapshotIndex.of_state(index.state())
    for one in (index, again):
        found = {("key", id): entry for id, entry in one.keys.items()} | {
            ("deployment", id): route.entry for id, route in one.by_id.items()
        }
        assert found == expected
        assert all(route.entry in expected.values() for route in one.routes.values())
        for tenant in "ab":
            named = [route.entry for (owner, _), route in one.routes.items() if owner == tenant]
            assert sorted(entry.id for entry in one.tenant_entries(tenant)) == sorted(entry.id for entry in named)
