"""Makes the use cases of all features, and the one table of which event each of them handles."""

from dataclasses import dataclass
from typing import NamedTuple

from bms.adapters.jobs.attempt_files import NotedAttemptFiles
from bms.adapters.objects.unpacking import Unpacker
from bms.adapters.recipes import PackagedRecipes
from bms.adapters.runtimes.available import RUNTIMES
from bms.adapters.sql.audit import SqlAudit
from bms.adapters.sql.datasets import SqlDatasets
from bms.adapters.sql.deployments import SqlDeployments
from bms.adapters.sql.environments import SqlEnvironmentUses
from bms.adapters.sql.jobs import SqlJobs
from bms.adapters.sql.models import SqlModels
from bms.adapters.sql.reactions import SqlReactions
from bms.adapters.sql.secrets import SqlSecrets
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.stray_allotments import SqlStrayAllotments
from bms.adapters.sql.tenant_rows import SqlTenantRows
from bms.adapters.sql.tenants import SqlTenants
from bms.adapters.sql.usage import SqlUsage
from bms.app.control.event_catalogue import CATALOGUE
from bms.app.control.platform import Platform
from bms.app.rules import WorkloadRules
from bms.control.audit.service import AuditService
from bms.control.billing.booking import AllotmentBilling
from bms.control.billing.service import UsageService
from bms.control.billing.sweep import AllotmentSweep
from bms.control.datasets.deletion import DatasetDeletion
from bms.control.datasets.events import DatasetImportRequested
from bms.control.datasets.service import DatasetService
from bms.control.deployments.catalog import ModelCatalog
from bms.control.deployments.in_use import InUse
from bms.control.deployments.logs import ReplicaLogService
from bms.control.deployments.service import DeploymentService
from bms.control.deployments.trees_in_use import TreesInUse
from bms.control.environments.service import EnvironmentService
from bms.control.evaluation.gates import Gates
from bms.control.evaluation.verification import Verification
from bms.control.jobs.events import JobEnded
from bms.control.jobs.history import History
from bms.control.jobs.service import JobService
from bms.control.models.aliases import AliasService
from bms.control.models.collection import Collector, VersionReferences
from bms.control.models.downloads import Downloads
from bms.control.models.events import VersionReady, VersionRecognised, VersionUploaded
from bms.control.models.releases import Releases
from bms.control.models.service import ModelService
from bms.control.models.uploads import Uploads
from bms.control.monitoring.reactions import ReactionService
from bms.control.offboarding.removal import TenantRemoval, WorkOf
from bms.control.optimization.conversion import TARGETS, ConversionService
from bms.control.platform.handlers import Handlers
from bms.control.platform.leading import Leader
from bms.control.platform.objects import ObjectStore
from bms.control.platform.reactions import SUBJECT as REACTIONS
from bms.control.platform.reactions import ReactionLoop
from bms.control.platform.sweeps import Finder, Sweeps
from bms.control.platform.trees import digests_of
from bms.control.secrets.service import SecretService
from bms.control.tenants.authentication import Authenticator
from bms.control.tenants.deletion import TenantDeletion
from bms.control.tenants.nouns import DEFAULT_TENANT
from bms.control.tenants.service import TenantService
from bms.control.training.dataset_use import DatasetUse
from bms.control.training.imports import Imports
from bms.control.training.registration import Registration
from bms.control.training.service import TrainingService


@dataclass(frozen=True)
class Stores:
    """The database as each feature sees it: one repository per feature."""

    tenants: SqlStore[SqlTenants]
    models: SqlStore[SqlModels]
    datasets: SqlStore[SqlDatasets]
    jobs: SqlStore[SqlJobs]
    deployments: SqlStore[SqlDeployments]
    reactions: SqlStore[SqlReactions]


@dataclass(frozen=True)
class UseCases:
    """The use cases of all features, as the API offers them and the loops call them."""

    stores: Stores
    files: NotedAttemptFiles
    history: History
    catalog: ModelCatalog
    tenants: TenantService
    tenant_deletion: TenantDeletion
    tenant_removal: TenantRemoval
    authenticator: Authenticator
    secrets: SecretService
    models: ModelService
    uploads: Uploads
    releases: Releases
    aliases: AliasService
    downloads: Downloads
    datasets: DatasetService
    dataset_deletion: DatasetDeletion
    jobs: JobService
    environments: EnvironmentService
    training: TrainingService
    conversion: ConversionService
    gates: Gates
    deployments: DeploymentService
    replica_logs: ReplicaLogService
    usage: UsageService
    booking: AllotmentBilling
    allotment_sweep: AllotmentSweep
    audit: AuditService
    trees_in_use: TreesInUse
    leading: Leader
    reactions: ReactionLoop
    sweeps: Sweeps
    reaction_service: ReactionService
    collector: Collector


def make_features(platform: Platform, rules: WorkloadRules) -> UseCases:
    """Makes the use cases of all features. Nothing is started here."""
    database, clock, objects = platform.database, platform.clock, platform.objects
    stores = Stores(
        tenants=SqlStore(database, SqlTenants),
        models=SqlStore(database, SqlModels),
        datasets=SqlStore(database, SqlDatasets),
        jobs=SqlStore(database, SqlJobs),
        deployments=SqlStore(database, SqlDeployments),
        reactions=SqlStore(database, SqlReactions),
    )
    files = NotedAttemptFiles.open(platform.home / "run" / "notes", platform.cluster.files)
    history = History(objects, files)
    models = ModelService(stores.models, objects, clock)
    datasets = DatasetService(stores.datasets, objects, clock)
    jobs = JobService(stores.jobs, objects, history, clock)
    conversion = ConversionService(jobs, models, datasets)
    gates = Gates(jobs, models, datasets, clock)
    catalog = ModelCatalog(stores.models)
    reacting = event_handlers(jobs, models, datasets, conversion, gates, objects, verification_s=rules.verification_s)
    sweeps = Sweeps(platform.events, stores.reactions, reacting.finders, clock)
    in_use = InUse(stores.deployments, catalog)
    deployments = DeploymentService(stores.deployments, catalog, clock)
    work = WorkOf(stores.deployments, stores.jobs)
    leading = platform.leadership.of(REACTIONS)
    return UseCases(
        stores=stores,
        files=files,
        history=history,
        catalog=catalog,
        tenants=TenantService(stores.tenants, clock, platform.pepper),
        tenant_deletion=TenantDeletion(stores.tenants, clock, work),
        tenant_removal=TenantRemoval(
            stores.tenants,
            work,
            deployments,
            jobs,
            objects,
            platform.trees,
            platform.replica_logs,
            SqlTenantRows(database),
            clock,
        ),
        authenticator=Authenticator(stores.tenants, clock, platform.pepper),
        secrets=SecretService(SqlStore(database, SqlSecrets), platform.vault, clock),
        models=models,
        uploads=Uploads(
            stores.models,
            objects,
            Unpacker.open(objects, platform.home / "cache" / "unpacking"),
            clock,
            runtimes=tuple(RUNTIMES),
        ),
        releases=Releases(stores.models, clock, in_use.version),
        aliases=AliasService(stores.models, clock, in_use.alias),
        downloads=Downloads(stores.models, objects),
        datasets=datasets,
        dataset_deletion=DatasetDeletion(stores.datasets, clock, DatasetUse(stores.jobs, stores.models)),
        jobs=jobs,
        environments=EnvironmentService(
            platform.environments, SqlStore(database, SqlEnvironmentUses), operator=DEFAULT_TENANT
        ),
        training=TrainingService(jobs, datasets, objects, PackagedRecipes(), TARGETS),
        conversion=conversion,
        gates=gates,
        deployments=deployments,
        replica_logs=ReplicaLogService(stores.deployments, platform.replica_logs),
        usage=UsageService(SqlStore(database, SqlUsage), clock),
        booking=AllotmentBilling(SqlStore(database, SqlUsage), clock),
        allotment_sweep=AllotmentSweep(SqlStore(database, SqlStrayAllotments), clock, platform.device_memory),
        audit=AuditService(SqlStore(database, SqlAudit)),
        trees_in_use=TreesInUse(stores.deployments, stores.models, stores.jobs, clock),
        reaction_service=ReactionService(
            stores.reactions,
            clock,
            operator=DEFAULT_TENANT,
            handlers=reacting.handlers.names,
            swept=lambda: sweeps.followed,
        ),
        leading=leading,
        reactions=ReactionLoop(
            platform.events, stores.reactions, reacting.handlers, clock, DEFAULT_TENANT, leader=leading
        ),
        sweeps=sweeps,
        collector=_collector(platform, stores, datasets, jobs),
    )


class EventHandlers(NamedTuple):
    """The handlers of all events, and the finders of what a lost event should have caused."""

    handlers: Handlers
    finders: dict[str, Finder]


def event_handlers(
    jobs: JobService,
    models: ModelService,
    datasets: DatasetService,
    conversion: ConversionService,
    gates: Gates,
    objects: ObjectStore,
    *,
    verification_s: float = 300.0,
) -> EventHandlers:
    """The handlers of all events, across features, each with what is called when it was given up, so that nothing waits
    for ever; and the finders of reactions that are missing."""
    imports = Imports(jobs, datasets)
    registration = Registration(jobs, models, objects)
    verification = Verification(jobs, models, verification_s)
    handlers = Handlers(CATALOGUE)
    handlers.on(DatasetImportRequested, "import", imports.on_import_requested, imports.on_given_up)
    handlers.on(VersionUploaded, "verification", verification.on_version_uploaded, verification.on_given_up)
    handlers.on(VersionRecognised, "verification", verification.on_version_recognised, verification.on_given_up)
    handlers.on(VersionReady, "conversion", conversion.on_version_ready)
    handlers.on(VersionReady, "gates", gates.on_version_ready, gates.on_ready_given_up)
    handlers.on(JobEnded, "import", imports.on_job_ended, imports.on_end_given_up)
    handlers.on(JobEnded, "registration", registration.on_job_ended, registration.on_end_given_up)
    handlers.on(JobEnded, "conversion", conversion.on_job_ended)  # once its output is registered
    handlers.on(JobEnded, "verification", verification.on_job_ended, verification.on_end_given_up)
    handlers.on(JobEnded, "gates", gates.on_job_ended, gates.on_end_given_up)
    finders: dict[str, Finder] = {
        "import": imports.missed_reactions,
        "registration": registration.missed_reactions,
        "verification": verification.missed_reactions,
        "conversion": conversion.missed_reactions,
        "gates": gates.missed_reactions,
    }
    return EventHandlers(handlers, finders)


def _collector(platform: Platform, stores: Stores, datasets: DatasetService, jobs: JobService) -> Collector:
    """The garbage collector of blobs: what none of these features refers to is swept."""
    objects = platform.objects

    async def of_datasets(tenant: str) -> frozenset[str]:
        return await digests_of(objects, tenant, await datasets.references(tenant))

    return Collector(objects, [VersionReferences(stores.models, objects), of_datasets, jobs.references])
