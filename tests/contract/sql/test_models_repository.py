"""The models repository keeps its contract on both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from bms.adapters.objects.memory import MemoryObjectStore
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.events import SqlEventLog
from bms.adapters.sql.models import SqlModels
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tenants import SqlTenants
from bms.control.models.aliases import AliasService
from bms.control.models.nouns import (
    Alias,
    Gate,
    GateResult,
    Lineage,
    Measurement,
    Model,
    NewVersion,
    Version,
    VersionState,
)
from bms.control.models.releases import Releases
from bms.control.models.service import ModelService
from bms.control.models.states import HIDDEN, MOVES
from bms.control.platform.trees import FileEntry, put_tree, tree_of
from bms.control.tenants.nouns import Tenant
from bms.core.access.principal import Principal
from bms.core.clock import ManualClock
from bms.core.errors import Aborted, AlreadyExists, FailedPrecondition
from bms.core.ids import new_id
from bms.core.latest import Newest
from bms.core.pages import PageRequest, decode_cursor
from bms.core.tensors.preprocessing import ImagePreprocess
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.workloads.environments import EnvironmentSpec

Models = SqlStore[SqlModels]
EVERY: frozenset[VersionState] = frozenset(MOVES)


@pytest.fixture
async def store(database: Database, clock: ManualClock) -> Models:
    async with SqlStore(database, SqlTenants).write() as tx:
        for tenant in ("acme", "other"):
            await tx.add_tenant(Tenant(id=tenant, created_at=clock.now()))
    return SqlStore(database, SqlModels)


def _model(clock: ManualClock, name: str = "digits", tenant: str = "acme", description: str = "") -> Model:
    return Model(id=new_id("model"), tenant=tenant, name=name, description=description, created_at=clock.now())


def _version(clock: ManualClock, number: int, tenant: str = "acme", state: VersionState = "ready") -> Version:
    return Version(
        id=new_id("version"),
        tenant=tenant,
        model="digits",
        number=number,
        state=state,
        runtime="onnx",
        artifact=f"sha256:{number:064x}",
        size=7,
        created_at=clock.now(),
        created_by="user_1",
    )


async def _line(store: Models, clock: ManualClock, versions: int = 0, tenant: str = "acme") -> None:
    async with store.write() as tx:
        await tx.add_model(_model(clock, tenant=tenant))
        for number in range(1, versions + 1):
            await tx.add_version(_version(clock, number, tenant))


async def test_nouns_come_back_as_they_were_stored(store: Models, clock: ManualClock) -> None:
    gate = Gate(metric="accuracy", dataset="digits@3", minimum=0.9)
    model = msgspec.structs.replace(_model(clock), description="Ziffern 数字", gates=(gate,))
    spec = TensorSpec(name="x", dtype="FP32", shape=(None, 64))
    signature = Signature(inputs=(spec,), outputs=(spec,), method="classify", scores="x", labels=("0", "1"))
    result = GateResult(
        metric="accuracy", dataset="digits@3", split="validation", minimum=0.9, value=0.97, passed=True, job="job_1",
        at=clock.now(),
    )  # fmt: skip
    version = msgspec.structs.replace(
        _version(clock, 1),
        size=5 * 2**40,
        signatures={"serving_default": signature},
        preprocess=ImagePreprocess(input="x", mode="L", height=8, width=8, mean=(0.5,), std=(0.25,)),
        labels=("0", "1"),
        environment=EnvironmentSpec(requirements=("scikit-learn==1.9",), python="3.11"),
        allow_pickle=True,
        metrics={"loss": 1e-300},
        metadata={"note": "line\nend"},
        lineage=Lineage(parent=None, relation="", job="job_0", datasets=("digits@3",)),
        measurement=Measurement(memory=1, load_ns=2**40, infer_ns=3),
        gate_results=(result,),
        reason="because",
    )
    alias = Alias(
        tenant="acme", model="digits", name="production", version=1, moved_at=clock.now(), moved_by="user_1", previous=9
    )
    async with store.write() as tx:
        await tx.add_model(model)
        await tx.add_version(version)
        await tx.add_alias(alias)
    async with store.read() as tx:
        assert await tx.model("acme", "digits") == model
        assert await tx.held_model("acme", "digits") == model
        assert await tx.version("acme", "digits", 1) == version
        assert await tx.version_by_id("acme", version.id) == version
        assert await tx.alias("acme", "digits", "production") == alias


async def test_another_tenant_sees_nothing(store: Models, clock: ManualClock) -> None:
    await _line(store, clock, 1)
    await _line(store, clock, 0, "other")
    async with store.write() as tx:
        mine = await tx.version("acme", "digits", 1)
        assert mine is not None
        await tx.add_alias(
            Alias(tenant="acme", model="digits", name="a", version=1, moved_at=clock.now(), moved_by="u")
        )
    async with store.read() as tx:
        assert await tx.version("other", "digits", 1) is None
        assert await tx.version_by_id("other", mine.id) is None
        assert (await tx.versions("other", "digits", PageRequest(), EVERY)).items == []
        assert await tx.kept_versions("other", "digits") == []
        assert await tx.artifacts("other") == []
        assert await tx.alias("other", "digits", "a") is None
        assert await tx.all_aliases("other", "digits") == []
        assert [model.tenant for model in (await tx.models("other", PageRequest())).items] == ["other"]
    foreign = msgspec.structs.replace(mine, tenant="other", state="offline")
    with pytest.raises(Aborted):
        async with store.write() as tx:
            await tx.save_version(foreign)


async def test_names_and_numbers_are_taken_once(store: Models, clock: ManualClock) -> None:
    await _line(store, clock, 1)
    async with store.write() as tx:
        with pytest.raises(AlreadyExists, match="'digits'"):
            await tx.add_model(_model(clock))
        with pytest.raises(AlreadyExists, match="version 1"):
            await tx.add_version(_version(clock, 1))
        await tx.add_version(_version(clock, 2), job="job_1")
        with pytest.raises(AlreadyExists):
            await tx.add_version(_version(clock, 3), job="job_1")
        await tx.add_version(_version(clock, 3))
    async with store.read() as tx:
        found = await tx.version_of_job("acme", "digits", "job_1")
        assert found is not None
        assert found.number == 2
        assert await tx.version_of_job("other", "digits", "job_1") is None


async def test_numbers_given_at_once_are_unique_and_have_no_gaps(store: Models, clock: ManualClock) -> None:
    await _line(store, clock)

    async def add(fails: bool) -> None:
        async with store.write() as tx:
            assert await tx.held_model("acme", "digits") is not None
            number = await tx.next_number("acme", "digits")
            await asyncio.sleep(0)
            await tx.add_version(_version(clock, number))
            if fails:
                raise RuntimeError("rolled back")

    done = await asyncio.gather(*(add(index % 3 == 0) for index in range(18)), return_exceptions=True)
    assert sum(isinstance(result, RuntimeError) for result in done) == 6
    assert [result for result in done if result is not None and not isinstance(result, RuntimeError)] == []
    async with store.read() as tx:
        assert [version.number for version in await tx.kept_versions("acme", "digits")] == list(range(1, 13))


async def test_a_held_model_keeps_others_waiting(store: Models, clock: ManualClock) -> None:
    await _line(store, clock)
    held, order = asyncio.Event(), []

    async def first() -> None:
        async with store.write() as tx:
            await tx.held_model("acme", "digits")
            held.set()
            await asyncio.sleep(0.05)
            order.append("first")

    async def second() -> None:
        await held.wait()
        async with store.write() as tx:
            await tx.held_model("acme", "digits")
            order.append("second")

    await asyncio.gather(first(), second())
    assert order == ["first", "second"]


async def test_saving_over_a_newer_revision_is_aborted(store: Models, clock: ManualClock) -> None:
    await _line(store, clock, 1)
    async with store.write() as tx:
        version = await tx.version("acme", "digits", 1)
        model = await tx.model("acme", "digits")
        assert version is not None
        assert model is not None
        saved = await tx.save_version(msgspec.structs.replace(version, state="offline"))
        assert saved.revision == 2
        assert (await tx.save_model(msgspec.structs.replace(model, deleted=True))).revision == 2
    for stale in (version, model):
        with pytest.raises(Aborted, match="revision 1"):
            async with store.write() as tx:
                await (tx.save_version(stale) if isinstance(stale, Version) else tx.save_model(stale))
    async with store.read() as tx:
        assert await tx.version("acme", "digits", 1) == saved


async def test_versions_are_listed_newest_first_in_pages_and_by_state(store: Models, clock: ManualClock) -> None:
    await _line(store, clock, 12)
    async with store.write() as tx:
        await tx.add_version(_version(clock, 13, state="uploading"))
    states: frozenset[VersionState] = frozenset({"ready"})
    seen: list[int] = []
    after = None
    while True:
        async with store.read() as tx:
            page = await tx.versions("acme", "digits", PageRequest(limit=5, after=after), states)
        seen += [version.number for version in page.items]
        if page.next is None:
            break
        after = decode_cursor(page.next)
    assert seen == list(range(12, 0, -1)), "by number, not as text"
    async with store.read() as tx:
        uploading = await tx.versions("acme", "digits", PageRequest(), frozenset({"uploading"}))
        assert [version.number for version in uploading.items] == [13]


async def test_the_newest_version_of_each_model_is_told_in_one_question(store: Models, clock: ManualClock) -> None:
    await _line(store, clock, 12)
    async with store.write() as tx:
        await tx.add_version(_version(clock, 13, state="rejected"))
        await tx.add_version(_version(clock, 14, state="uploading"))
        await tx.add_model(_model(clock, "empty"))
    async with store.read() as tx:
        found = await tx.newest("acme", ["digits", "empty", "absent"], HIDDEN)
        assert found == {"digits": Newest(number=13, state="rejected")}
        assert await tx.newest("other", ["digits"], HIDDEN) == {}
        assert await tx.newest("acme", [], HIDDEN) == {}


async def test_models_are_found_by_prefix_and_search_and_deleted_ones_not(store: Models, clock: ManualClock) -> None:
    async with store.write() as tx:
        for name, words in (("digits", "Handwritten"), ("digits-2", "100% sure"), ("iris", "a_b"), ("gone", "digits")):
            await tx.add_model(_model(clock, name, description=words))
        gone = await tx.model("acme", "gone")
        assert gone is not None
        await tx.save_model(msgspec.structs.replace(gone, deleted=True))

    async def names(prefix: str = "", search: str = "") -> list[str]:
        async with store.read() as tx:
            return [model.name for model in (await tx.models("acme", PageRequest(), prefix, search)).items]

    assert await names() == ["digits", "digits-2", "iris"]
    assert await names(prefix="digits") == ["digits", "digits-2"]
    assert await names(prefix="Digits") == []
    assert await names(search="handWRITTEN") == ["digits"]
    assert await names(search="RIS") == ["iris"]
    assert await names(search="%") == ["digits-2"], "wildcards mean themselves"
    assert await names(search="_") == ["iris"]
    assert await names(prefix="digits", search="sure") == ["digits-2"]
    async with store.read() as tx:
        first = await tx.models("acme", PageRequest(limit=2))
        assert first.next is not None
        second = await tx.models("acme", PageRequest(limit=2, after=decode_cursor(first.next)))
    assert [model.name for model in first.items + second.items] == ["digits", "digits-2", "iris"]


async def test_artifacts_and_old_uploads_leave_out_what_is_deleted(store: Models, clock: ManualClock) -> None:
    await _line(store, clock, 2)
    async with store.write() as tx:
        await tx.add_version(_version(clock, 3, state="deleted"))
        twin = msgspec.structs.replace(_version(clock, 4, state="uploading"), artifact=f"sha256:{1:064x}")
        await tx.add_version(twin)
        clock.advance(60)
        await tx.add_version(_version(clock, 5, state="uploading"))
        assert await tx.artifacts("acme") == [f"sha256:{number:064x}" for number in (1, 2, 5)]
        old = await tx.uploads_before("acme", clock.now() - timedelta(seconds=30))
        assert [version.number for version in old] == [4]
        assert await tx.uploads_before("other", clock.now()) == []


async def test_aliases_move_and_go(store: Models, clock: ManualClock) -> None:
    await _line(store, clock, 2)
    made = [
        Alias(tenant="acme", model="digits", name=name, version=number, moved_at=clock.now(), moved_by="u")
        for name, number in (("b", 1), ("a", 2))
    ]
    async with store.write() as tx:
        for alias in made:
            await tx.add_alias(alias)
        with pytest.raises(AlreadyExists, match="'a'"):
            await tx.add_alias(made[1])
    async with store.write() as tx:
        moved = await tx.save_alias(msgspec.structs.replace(made[0], version=2, previous=1))
        assert [alias.name for alias in await tx.all_aliases("acme", "digits", 2)] == ["a", "b"]
        assert await tx.all_aliases("acme", "digits", 1) == []
        with pytest.raises(Aborted):
            await tx.save_alias(made[0])
        await tx.delete_alias(made[1])
    async with store.read() as tx:
        assert (await tx.aliases("acme", "digits", PageRequest())).items == [moved]


async def test_registering_at_once_makes_one_model_and_one_version(store: Models, clock: ManualClock) -> None:
    objects = MemoryObjectStore(clock)

    async def content() -> AsyncIterator[bytes]:
        yield b"model"

    blob = await objects.put("acme", content())
    tree = tree_of([FileEntry(path="model.onnx", digest=blob.digest, size=blob.size)])
    digest = await put_tree(objects, "acme", tree)
    service = ModelService(store, objects, clock)
    same = NewVersion(lineage=Lineage(job="job_1"))
    made = await asyncio.gather(
        *(service.register("acme", "fresh", digest, same, "user_1", create=True) for _ in range(6)),
        *(service.register("acme", "fresh", digest, NewVersion(), "user_1", create=True) for _ in range(6)),
    )
    assert len({version.id for version in made[:6]}) == 1
    assert sorted({version.number for version in made}) == list(range(1, 8))
    events = await SqlEventLog(store._database).since(0)
    assert [event.name for _, event in events].count("model.created") == 1
    assert [event.name for _, event in events].count("version.uploaded") == 7


async def test_an_alias_never_ends_on_a_version_deleted_at_the_same_time(store: Models, clock: ManualClock) -> None:
    await _line(store, clock, 8)
    by = Principal(tenant="acme", user="user_1", key="bmsk_1", role="owner", scopes=frozenset())
    aliases, releases = AliasService(store, clock), Releases(store, clock)
    done = await asyncio.gather(
        *(aliases.move(by, "digits", f"a{number}", number) for number in range(1, 9)),
        *(releases.delete(by, "digits", number) for number in range(1, 9)),
        return_exceptions=True,
    )
    refused = [result for result in done if isinstance(result, FailedPrecondition)]
    assert len(refused) == 8, "of each pair exactly one is refused"
    async with store.read() as tx:
        for alias in await tx.all_aliases("acme", "digits"):
            version = await tx.version("acme", "digits", alias.version)
            assert version is not None
            assert version.state == "ready"


async def test_facts_and_aliases_of_many_models_come_at_once(store: Models, clock: ManualClock) -> None:
    await _line(store, clock, versions=2)
    await _line(store, clock, versions=1, tenant="other")
    gone = _model(clock, "gone")
    signature = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 4)),), outputs=())
    same = {
        "signatures": {"serving_default": signature},
        "preprocess": ImagePreprocess(input="x", mode="L", width=2, height=2),
        "labels": ("no", "yes"),
    }
    async with store.write() as tx:
        await tx.add_model(msgspec.structs.replace(gone, deleted=True))
        for number in (1, 2):
            version = _version(clock, number, state="deleted" if number == 1 else "ready")
            await tx.add_version(msgspec.structs.replace(version, model="gone", **same))
        for model in ("digits", "gone"):
            await tx.add_alias(
                Alias(tenant="acme", model=model, name="live", version=2, moved_at=clock.now(), moved_by="ann")
            )
    async with store.read() as tx:
        asked = {"acme": {"digits", "gone", "never"}, "other": {"gone"}}
        found = {(fact.tenant, fact.model, fact.number): fact for fact in await tx.facts(asked)}
        assert set(found) == {("acme", "digits", 1), ("acme", "digits", 2), ("acme", "gone", 1), ("acme", "gone", 2)}
        first, second = found["acme", "gone", 1], found["acme", "gone", 2]
        assert (first.state, first.runtime, first.signatures, first.preprocess, first.labels) == (
            "deleted",
            "onnx",
            *same.values(),
        )
        assert second.signatures is first.signatures
        assert [(alias.model, alias.name) for alias in await tx.live_aliases(asked)] == [("digits", "live")]
        assert await tx.facts({}) == await tx.live_aliases({}) == []
