"""Assembles control: the API, the bus to the gateways, the snapshot publisher, and all that the loops run.

Reading order: platform (database, objects, cluster), features (use cases and event handlers), then here.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.types import ASGIApp

from bms import __version__
from bms.adapters.bus.server import BusServer
from bms.adapters.clusters.local.cluster import LocalCluster
from bms.adapters.clusters.node_agent.client import NodeAgentCluster
from bms.adapters.replicas.probe import LinkProbe
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.positions import SqlPositions
from bms.adapters.sql.replies import SqlReplies
from bms.adapters.telemetry.control_metrics import ControlMetrics
from bms.app.control.features import UseCases, make_features
from bms.app.control.platform import Platform, describe, open_platform
from bms.app.home.directory import write_private
from bms.app.rules import WorkloadRules
from bms.control.billing.service import UsageService
from bms.control.deployments.health import Health
from bms.control.deployments.reconciliation.failure_reports import FailureReports
from bms.control.deployments.reconciliation.loop import ReconcilerLoop
from bms.control.deployments.reconciliation.reconciler import SUBJECT as DEPLOYMENTS
from bms.control.deployments.reconciliation.reconciler import Reconciler
from bms.control.deployments.reconciliation.replica_launcher import ReplicaLauncher
from bms.control.deployments.repository import ModelRepository
from bms.control.deployments.views.health_reports import HealthReports
from bms.control.deployments.views.service import DeploymentViews
from bms.control.deployments.views.snapshot_source import DeploymentEntries
from bms.control.jobs.attempts import Attempts
from bms.control.jobs.nouns import JobCapacity
from bms.control.jobs.scheduler import SUBJECT as JOBS
from bms.control.jobs.scheduler import Scheduler
from bms.control.monitoring.nouns import GatewayView
from bms.control.monitoring.service import MonitoringService
from bms.control.secrets.sealing import SecretEncryption, UpstreamSealing
from bms.control.snapshots.positions import OtherProcesses
from bms.control.snapshots.publisher import Publisher
from bms.control.snapshots.sources import EntrySource
from bms.control.tenants.nouns import DEFAULT_TENANT, NewKey
from bms.control.tenants.snapshot_entries import KeyEntries
from bms.core.errors import Unavailable
from bms.core.serving.snapshot import DeploymentEntry
from bms.web.api.application import application
from bms.web.api.credentials import KeyCredentials
from bms.web.api.dispatch import EndpointDispatcher
from bms.web.api.endpoint import Endpoint
from bms.web.api.resources import (
    audit,
    blobs,
    datasets,
    deployments,
    environments,
    jobs,
    models,
    reactions,
    replicas,
    repository,
    secrets,
    system,
    tenants,
    training,
    usage,
)

log = logging.getLogger("bms.parts")
TOLD_S = 1.0  # how long the answer to a new or revoked key waits for the gateways
LOOK_S = 0.2  # how long a status waits for them before it says that they are behind


@dataclass
class ControlPlane:
    """All parts of control, opened: `loops` drives them, `close` ends them. Workloads run on after that."""

    platform: Platform
    features: UseCases
    publisher: Publisher
    scheduler: Scheduler
    reconciling: ReconcilerLoop
    bus: BusServer
    failure_reports: FailureReports
    api: ASGIApp
    deleted: asyncio.Event = field(default_factory=asyncio.Event)  # there is a tenant to be removed

    async def close(self) -> None:
        await self.bus.close()
        await self.failure_reports.tasks.close()
        await self.platform.cluster.close()


async def make_control_plane(
    database: Database,
    home: Path,
    run_dir: Path,
    bus_socket: str,
    max_jobs: int,
    *,
    bus_token: str,
    rules: WorkloadRules,
    name: str = "",
) -> ControlPlane:
    """Everything control runs; the first start also makes the default tenant and HOME/admin.key."""
    platform = await open_platform(database, home, run_dir, rules, name)
    features = make_features(platform, rules)
    await features.tenants.bootstrap(lambda created: keep_admin_key(home, created.key))
    await _note_what_ended(platform, features)
    others = OtherProcesses(SqlPositions(database, platform.clock), platform.process)
    publisher = Publisher(
        snapshot_sources(platform, features), platform.events, platform.clock, platform.pepper, others
    )
    await publisher.start()
    sealing = UpstreamSealing(platform.objects, features.secrets, rules.allowed_upstreams)
    launcher = ReplicaLauncher(platform.cluster, features.catalog, platform.tokens, sealing)
    reconciler = _reconciler(platform, features, publisher, launcher)
    reconciling = ReconcilerLoop(reconciler, platform.cluster, platform.events, publisher.wait_progress)
    leader = platform.leadership.of(DEPLOYMENTS)
    failure_reports = FailureReports(features.stores.deployments, reconciler.health, leader, platform.clock)
    bus = BusServer(
        bus_socket, publisher.connect, features.usage.ingest, failure_reports.note, platform.clock, token=bus_token
    )
    metrics = ControlMetrics()
    control = ControlPlane(
        platform=platform,
        features=features,
        publisher=publisher,
        scheduler=_scheduler(platform, features, max_jobs, sealing),
        reconciling=reconciling,
        bus=bus,
        failure_reports=failure_reports,
        api=Starlette(),
    )
    monitoring = MonitoringService(
        platform.cluster,
        platform.clock,
        version=__version__,
        operator=DEFAULT_TENANT,
        database=describe(database),
        gateways=lambda: _gateways(bus),
        snapshot=lambda: publisher.revision,
        leading=lambda: features.leading.token is not None,
        devices=platform.cluster.devices,
        reactions=features.reaction_service.view,
        more=features.reaction_service.metrics,
        unread_usage=features.usage.unread_events,
        texts=[
            metrics.texts,
            lambda: _usage_texts(features.usage),
            lambda: _node_texts(platform.cluster),
            lambda: _gateway_texts(bus),
            lambda: _replica_texts(reconciler.health, publisher),
        ],
    )
    views = DeploymentViews(
        features.stores.deployments,
        features.catalog,
        platform.clock,
        HealthReports(reconciler.health, leader, lambda: LinkProbe(platform.tokens.of)).of,
        lambda: publisher.wait_applied(LOOK_S),
        lambda: launcher.preparing,
        lambda: reconciler.looked or leader.elsewhere,
    )
    credentials = [KeyCredentials(features.authenticator)]
    dispatcher = EndpointDispatcher(credentials, SqlReplies(database, platform.clock), observe=metrics.observe_request)
    control.api = application(
        _endpoints(platform, features, views, monitoring, lambda: publisher.wait_applied(TOLD_S), control.deleted.set),
        dispatcher,
        __version__,
    )
    return control


async def _note_what_ended(platform: Platform, features: UseCases) -> None:
    """Closes the allotments of what ended while no control ran. What can't be observed is taken to run, until it is
    found to be lost."""
    try:
        seen = await platform.cluster.observe()
    except Unavailable as error:
        log.warning("it is not known what ended while control was away: %s", error.message)
        return
    running = [id for id, status in seen.items() if status.state == "running"]
    await features.allotment_sweep.after_start(running, DEPLOYMENTS, platform.process)


def snapshot_sources(platform: Platform, features: UseCases) -> list[EntrySource]:
    """The sources of the gateways' snapshot, one for each kind of entry."""
    return [
        KeyEntries(features.stores.tenants, platform.clock),
        DeploymentEntries(features.stores.deployments, features.catalog, platform.tokens.of),
    ]


def _reconciler(platform: Platform, features: UseCases, publisher: Publisher, launcher: ReplicaLauncher) -> Reconciler:
    return Reconciler(
        features.stores.deployments,
        features.catalog,
        platform.cluster,
        launcher,
        Health(LinkProbe(platform.tokens.of), platform.clock),
        platform.leadership.of(DEPLOYMENTS),
        platform.events,
        platform.clock,
        released=publisher.released,
        exit_reason=platform.exit_reason,
        logs=platform.replica_logs,
        device_memory=platform.device_memory,
    )


def _scheduler(platform: Platform, features: UseCases, max_jobs: int, sealing: SecretEncryption) -> Scheduler:
    store = features.stores.jobs
    attempts = Attempts(
        store,
        platform.cluster,
        features.files,
        features.history,
        platform.clock,
        sealing,
        platform.device_memory,
    )

    def capacity() -> JobCapacity:
        cores, memory = platform.machine()
        return JobCapacity(jobs=max_jobs, cpu=max(cores, float(max_jobs)), memory=memory)

    return Scheduler(
        store, platform.cluster, attempts, features.files, platform.clock, capacity, platform.leadership.of(JOBS)
    )


def _endpoints(
    platform: Platform,
    features: UseCases,
    views: DeploymentViews,
    monitoring: MonitoringService,
    told: tenants.Told,
    deleted: Callable[[], None],
) -> list[Endpoint]:
    f, objects = features, platform.objects
    return [
        *tenants.endpoints(f.tenants, f.tenant_deletion, told, deleted),
        *models.endpoints(f.models, f.uploads, f.releases, f.aliases, f.downloads, objects),
        *secrets.endpoints(f.secrets),
        *blobs.endpoints(objects),
        *datasets.endpoints(f.datasets, f.dataset_deletion, objects),
        *jobs.endpoints(f.jobs, objects),
        *environments.endpoints(f.environments),
        *training.endpoints(f.training, f.conversion, f.gates),
        *deployments.endpoints(f.deployments, views),
        *replicas.endpoints(f.replica_logs),
        *repository.endpoints(ModelRepository(f.deployments, views, platform.events, platform.clock)),
        *usage.endpoints(f.usage, f.tenant_deletion.tenant),
        *audit.endpoints(f.audit),
        *system.endpoints(monitoring),
        *reactions.endpoints(f.reaction_service),
    ]


def keep_admin_key(home: Path, key: NewKey) -> None:
    write_private(home / "admin.key", f"{key.text}\n".encode())


def _gateways(bus: BusServer) -> list[GatewayView]:
    return [
        GatewayView(
            slot=view.slot,
            pid=view.pid,
            revision=view.revision,
            connections=view.stats.connections if view.stats else 0,
            in_flight=view.stats.in_flight if view.stats else 0,
            requests=view.stats.requests if view.stats else 0,
        )
        for view in bus.gateways
    ]


def _usage_texts(usage: UsageService) -> Iterable[tuple[dict[str, str], str]]:
    name = "bms_usage_put_aside_total"
    what = "Usage events of a version not known here, since the start."
    yield {}, f"# HELP {name} {what}\n# TYPE {name} counter\n{name} {usage.put_aside}\n"


def _node_texts(cluster: LocalCluster | NodeAgentCluster) -> Iterable[tuple[dict[str, str], str]]:
    if isinstance(cluster, NodeAgentCluster):
        name = "bms_node_agent_connected"
        what = "Whether the node agent that runs models and jobs is connected."
        yield {}, f"# HELP {name} {what}\n# TYPE {name} gauge\n{name} {int(cluster.connected)}\n"


def _gateway_texts(bus: BusServer) -> Iterable[tuple[dict[str, str], str]]:
    for view in bus.gateways:
        if view.stats is not None:
            yield {"gateway": str(view.slot)}, view.stats.metrics


def _replica_texts(health: Health, publisher: Publisher) -> Iterable[tuple[dict[str, str], str]]:
    for id, status in health.statuses.items():
        labels = {"replica": id}
        if (replica := health.watched.get(id)) is not None:
            labels |= {"deployment": replica.deployment, "tenant": replica.tenant}
            entry = publisher.entries.get(("deployment", replica.deployment))
            if isinstance(entry, DeploymentEntry):
                labels["name"] = entry.name
        yield labels, status.metrics
