"""Use cases of models and their versions: create, find, register, and record the results of verification and gates."""

from datetime import datetime

import msgspec
from msgspec import structs

from bms.control.models.adding import add_model, add_version, ensure_model
from bms.control.models.checks import check_alias, check_gates, check_model, check_new, check_text
from bms.control.models.events import (
    GateMeasured,
    GateUnmeasurable,
    ModelChanged,
    OfVersion,
    VersionNoted,
    VersionReady,
    VersionRecognised,
    VersionRejected,
    VersionUploaded,
)
from bms.control.models.gates import awaited, standings, text, with_result
from bms.control.models.lookup import expect, known_version, live_model, model_event, version_event
from bms.control.models.nouns import (
    Gate,
    GateResult,
    GateStanding,
    ListedModel,
    Model,
    NewVersion,
    Version,
    VersionState,
)
from bms.control.models.ports import ModelsTx
from bms.control.models.states import HIDDEN, MOVES
from bms.control.models.storage import begin_storage
from bms.control.models.verdicts import described, noted, rejected, verdict
from bms.control.platform.objects import ObjectStore
from bms.control.platform.transactions import Store
from bms.control.platform.trees import get_tree, missing
from bms.core.access.principal import Principal
from bms.core.clock import Clock
from bms.core.errors import FailedPrecondition, InvalidArgument, NotFound
from bms.core.pages import Page, PageRequest
from bms.core.workloads.programs import Recognised, VerifyReport


class ModelService:
    """Models and versions. Uploads, withdrawal, aliases and downloads have services of their own."""

    def __init__(self, store: Store[ModelsTx], objects: ObjectStore, clock: Clock) -> None:
        self._store = store
        self._objects = objects
        self._clock = clock

    async def create(self, by: Principal, name: str, description: str = "", gates: tuple[Gate, ...] = ()) -> Model:
        """Creates a model. Raises AlreadyExists. A deleted model's name may be used again; its numbers go on where they
        ended."""
        check_model(name)
        check_text("description", description)
        check_gates(gates)
        async with self._store.write() as tx:
            await tx.hold_datasets(by.tenant, [gate.dataset for gate in gates])
            return await add_model(tx, by.tenant, name, by.user, self._clock.now(), description, gates)

    async def model(self, tenant: str, name: str) -> Model:
        """The model. Raises NotFound."""
        async with self._store.read() as tx:
            return await live_model(tx, tenant, name)

    async def models(self, tenant: str, page: PageRequest, prefix: str = "", search: str = "") -> Page[ListedModel]:
        """Models by name, each with its newest version; `search` is looked for in names and descriptions, in any
        case."""
        check_text("prefix", prefix, 100)
        check_text("search", search, 200)
        if page.after is not None:
            check_text("the cursor", page.after, 100)
        async with self._store.read() as tx:
            found = await tx.models(tenant, page, prefix, search)
            newest = await tx.newest(tenant, [model.name for model in found.items], HIDDEN)
        items = [ListedModel(**structs.asdict(model), newest=newest.get(model.name)) for model in found.items]
        return Page(items=items, next=found.next)

    async def change(
        self,
        by: Principal,
        name: str,
        *,
        description: str | None = None,
        gates: tuple[Gate, ...] | None = None,
        revision: int | None = None,
    ) -> Model:
        """Changes description or gates. Raises Aborted when `revision` is not the present one. New gates count from the
        next move of an alias."""
        if description is not None:
            check_text("description", description)
        if gates is not None:
            check_gates(gates)
        async with self._store.write() as tx:
            model = await live_model(tx, by.tenant, name, hold=True)
            expect(revision, model.revision)
            new = set(gates or ()) - set(model.gates)
            await tx.hold_datasets(by.tenant, sorted(gate.dataset for gate in new))
            changed = msgspec.structs.replace(
                model,
                description=model.description if description is None else description,
                gates=model.gates if gates is None else gates,
            )
            if changed == model:
                return model
            saved = await tx.save_model(changed)
            event = ModelChanged(gates="; ".join(map(text, saved.gates))[:500])
            await tx.emit(model_event(event, saved, by.user, self._clock.now()))
        return saved

    async def version(self, tenant: str, model: str, number: int) -> Version:
        """The version in any state, deleted included. Raises NotFound."""
        async with self._store.read() as tx:
            return await known_version(tx, tenant, model, number)

    async def version_by_id(self, tenant: str, id: str) -> Version:
        async with self._store.read() as tx:
            return await self._by_id(tx, tenant, id)

    async def verifying(self, before: datetime) -> list[Version]:
        """Versions of all tenants that were made before then and wait for a verdict. For the platform's loops."""
        async with self._store.read() as tx:
            return await tx.verifying(before)

    async def ready(self, after: datetime, before: datetime) -> list[Version]:
        """Ready versions of all tenants that were made between. For the platform's loops."""
        async with self._store.read() as tx:
            return await tx.ready(after, before)

    async def version_of_job(self, tenant: str, model: str, job: str) -> Version | None:
        """The version that `register` made of a job's output, if it did."""
        async with self._store.read() as tx:
            return await tx.version_of_job(tenant, model, job)

    async def versions(
        self, tenant: str, model: str, page: PageRequest, state: VersionState | None = None, *, every: bool = False
    ) -> Page[Version]:
        """Versions, newest first. Without `state`: all but unfinished uploads and deleted ones, unless `every` is asked
        for."""
        states = frozenset({state}) if state else frozenset(MOVES) if every else frozenset(MOVES) - HIDDEN
        if page.after is not None and not (page.after.isascii() and page.after.isdecimal() and len(page.after) < 10):
            raise InvalidArgument("the cursor is not of this listing: repeat it from its start")
        async with self._store.read() as tx:
            await live_model(tx, tenant, model)
            return await tx.versions(tenant, model, page, states)

    async def resolve(self, tenant: str, model: str, reference: str | int) -> Version:
        """The ready version that an alias or a number names.

        Raises NotFound, FailedPrecondition when the version is not ready.
        """
        text = str(reference)
        async with self._store.read() as tx:
            await live_model(tx, tenant, model)
            if text.isascii() and text.isdecimal():
                version = await known_version(tx, tenant, model, int(text) if len(text) < 11 else 0)
            else:
                alias = await tx.alias(tenant, model, check_alias(text))
                if alias is None:
                    raise NotFound(f"model {model!r} has no alias {text!r}: set it with `bms model alias`")
                version = await known_version(tx, tenant, model, alias.version)
        if version.state != "ready":
            raise FailedPrecondition(
                f"version {version.number} of {model!r} is {version.state}: only a ready version can be used"
            )
        return version

    async def register(
        self, tenant: str, model: str, tree: str, new: NewVersion, created_by: str, *, create: bool = False
    ) -> Version:
        """Registers a stored tree, such as a job's output, as a version in state verifying; `create` makes the model if
        need be.

        `new.lineage.job` makes it one effect: registering the same job's output again gives the same version.
        Raises NotFound for an unknown model or tree, FailedPrecondition when contents of the tree are missing.
        """
        check_model(model)
        check_new(new)
        contents = await get_tree(self._objects, tenant, tree)
        if absent := await missing(self._objects, tenant, contents):
            raise FailedPrecondition(f"{len(absent)} files of tree {tree} are not stored, e.g. {absent[0].path!r}")
        job = new.lineage.job
        async with self._store.write() as tx:
            at = self._clock.now()
            if create:
                await ensure_model(tx, tenant, model, created_by, at)
            await live_model(tx, tenant, model, hold=True)
            if job is not None and (before := await tx.version_of_job(tenant, model, job)) is not None:
                return before
            version = await add_version(
                tx, tenant, model, contents, new, state="verifying", by=created_by, at=at, job=job
            )
            await begin_storage(tx, version, at)
            event = VersionUploaded(model=version.model, number=version.number)
            await tx.emit(version_event(event, version, created_by, at))
        return version

    async def describe_version(self, tenant: str, id: str, found: Recognised) -> Version:
        """Records what an artifact was recognised as, and, where its maker declared nothing, what the artifact says of
        itself. The version is rejected where that can't be stored. Raises FailedPrecondition unless verifying."""
        version = await self._verifying(tenant, id)
        try:
            saved = described(version, found)
        except InvalidArgument as error:
            return await self._conclude(rejected(version, f"what the artifact says of itself is not valid: {error}"))
        async with self._store.write() as tx:
            saved = await tx.save_version(saved)
            event = VersionRecognised(
                model=saved.model, number=saved.number, runtime=saved.runtime, format=saved.format
            )
            await tx.emit(version_event(event, saved, "system", self._clock.now()))
        return saved

    async def accept_version(self, tenant: str, id: str, report: VerifyReport) -> Version:
        """Records verification's findings: the version becomes ready, or rejected where they contradict its maker.

        Raises FailedPrecondition unless it is verifying.
        """
        version = await self._verifying(tenant, id)
        concluded = verdict(version, report)
        if concluded.state == "ready" and (lost := await self._lost(version)):
            concluded = rejected(version, f"the content of {lost!r} is gone: upload the version again")
        return await self._conclude(concluded)

    async def reject_version(self, tenant: str, id: str, reason: str) -> Version:
        """Rejects a version whose verification failed: `reason` is for its maker. Raises FailedPrecondition unless
        verifying."""
        return await self._conclude(rejected(await self._verifying(tenant, id), reason))

    async def record_gate_result(self, tenant: str, id: str, result: GateResult) -> Version:
        """Records the newest measurement of each metric, data set and split, or why there is none, or that it is under
        way. A repeated one changes nothing, nor does one of a version that was deleted meanwhile."""
        async with self._store.write() as tx:
            version = await self._by_id(tx, tenant, id)
            same = (structs.replace(old, at=result.at) == result for old in version.gate_results)
            if any(same) or version.state == "deleted":
                return version
            if version.state not in ("ready", "offline"):
                raise FailedPrecondition(f"version {version.number} is {version.state}: only ready ones are measured")
            results = with_result(version.gate_results, result)
            if results == version.gate_results:
                return version
            saved = await tx.save_version(msgspec.structs.replace(version, gate_results=results))
            if (event := _measured(saved, result)) is not None:
                await tx.emit(version_event(event, saved, "system", self._clock.now()))
        return saved

    async def gates(self, tenant: str, model: str, number: int) -> list[GateStanding]:
        """The standing of a version with each gate of its model, in the order of the gates. Raises NotFound."""
        async with self._store.read() as tx:
            owner = await live_model(tx, tenant, model)
            version = await known_version(tx, tenant, model, number)
        return standings(owner.gates, version.gate_results)

    async def note(self, tenant: str, id: str, name: str, words: str) -> Version:
        """Keeps a note with a version, in place of an earlier one of its name. A repeated one changes nothing, nor does
        one of a deleted version."""
        async with self._store.write() as tx:
            version = await self._by_id(tx, tenant, id)
            changed = noted(version, name, words)
            if version.state == "deleted" or changed == version:
                return version
            saved = await tx.save_version(changed)
            event = VersionNoted(model=saved.model, number=saved.number, note=name)
            await tx.emit(version_event(event, saved, "system", self._clock.now()))
        return saved

    async def _verifying(self, tenant: str, id: str) -> Version:
        version = await self.version_by_id(tenant, id)
        if version.state != "verifying":
            raise FailedPrecondition(
                f"version {version.number} of {version.model!r} is {version.state}: it is not being verified"
            )
        return version

    async def _conclude(self, concluded: Version) -> Version:
        async with self._store.write() as tx:
            at = self._clock.now()
            if concluded.state == "ready":
                gates = (await live_model(tx, concluded.tenant, concluded.model)).gates
                concluded = msgspec.structs.replace(concluded, gate_results=awaited(gates, at))
            saved = await tx.save_version(concluded)
            event: OfVersion = VersionReady(model=saved.model, number=saved.number)
            if saved.state == "rejected":
                event = VersionRejected(model=saved.model, number=saved.number, reason=saved.reason[:500])
            await tx.emit(version_event(event, saved, "system", at))
        return saved

    async def _lost(self, version: Version) -> str | None:
        contents = await get_tree(self._objects, version.tenant, version.artifact)
        absent = await missing(self._objects, version.tenant, contents)
        return absent[0].path if absent else None

    async def _by_id(self, tx: ModelsTx, tenant: str, id: str) -> Version:
        version = await tx.version_by_id(tenant, id)
        if version is None:
            raise NotFound(f"no version {id[:80]!r} in this tenant")
        return version


def _measured(version: Version, result: GateResult) -> OfVersion | None:
    """The event of a gate result; None for one that only says that the measuring is under way."""
    model, number, metric = version.model, version.number, result.metric
    if result.value is not None:
        return GateMeasured(
            model=model,
            number=number,
            metric=metric,
            dataset=result.dataset,
            split=result.split,
            value=result.value,
            passed=result.passed,
        )
    if not result.reason:
        return None
    return GateUnmeasurable(
        model=model,
        number=number,
        metric=metric,
        dataset=result.dataset,
        split=result.split,
        reason=result.reason[:500],
    )
