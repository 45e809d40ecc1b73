"""The API's types are those that the server uses and the SDK gives, and tell nothing that is the platform's own."""

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, get_args, get_origin

import msgspec
import pytest
from msgspec.inspect import CollectionType, DictType, StructType, Type, UnionType, type_info

import bms.api_types
import bms.sdk
from bms import api_types
from bms.api_types import (
    datasets,
    deployments,
    environments,
    gates,
    jobs,
    preprocessing,
    reactions,
    recipes,
    replicas,
    signatures,
    system,
    tenants,
    usage,
    users,
    versions,
)
from bms.control.audit.service import AuditEntry
from bms.control.billing.nouns import UsageSum
from bms.control.datasets import nouns as of_datasets
from bms.control.deployments import logs
from bms.control.deployments import nouns as of_deployments
from bms.control.deployments.views import status
from bms.control.environments import nouns as of_environments
from bms.control.jobs import nouns as of_jobs
from bms.control.models import nouns as of_models
from bms.control.monitoring import nouns as of_monitoring
from bms.control.platform import environments as of_specs
from bms.control.platform import pending
from bms.control.retention import nouns as of_retention
from bms.control.secrets.nouns import SecretView
from bms.control.tenants import nouns as of_tenants
from bms.control.training import nouns as of_training
from bms.core import meters
from bms.core.access import principal
from bms.core.formats.text_options import Reading
from bms.core.serving.snapshot import Dialect
from bms.core.tensors import columns, features, parameters, predicted, tensor
from bms.core.tensors import preprocessing as prepared
from bms.core.tensors import signature as signed
from bms.core.tensors.sequences import SequenceLimits
from bms.core.usage import UsageEvent
from bms.core.workloads import programs
from bms.core.workloads.resources import Resources
from bms.sdk.transport.bodies import without_defaults
from bms.web.api.resources import deployments as of_the_door
from bms.web.api.unknown_members import check_members
from bms.web.api.views import deployments as shown_deployments
from tests.described import rows

NOT_IN_THE_SDK = {"Blob": "that a content was stored is told by the status"}
# What fences, finds or orders the platform's own work, and where its processes are.
OWN_WORDS = frozenset(
    {"token", "fence", "lease", "holder", "stopping", "log_start", "then", "place", "address", "build", "key_id"}
) | {"secret_digest", "pepper", "drain_at", "workload"}
# Members of nouns that stay inside. A noun that gets one more is a line here, or one in `web/api/views`.
PAIRS: list[tuple[type, type, set[str]]] = [
    (AuditEntry, api_types.audit.AuditEntry, set()),
    (of_datasets.ListedDataset, datasets.ListedDataset, set()),
    (of_datasets.DatasetVersion, datasets.DatasetVersion, set()),
    (of_datasets.ImportRequest, datasets.ImportRequest, set()),
    (of_datasets.Source, datasets.Source, set()),
    (of_datasets.Split, datasets.Split, set()),
    (Reading, datasets.Reading, set()),
    (status.ListedDeployment, deployments.ListedDeployment, set()),
    (status.DeploymentStatus, deployments.DeploymentStatus, set()),
    (status.ReplicaView, deployments.ReplicaView, set()),
    (status.TrafficView, deployments.TrafficView, set()),
    (of_deployments.DeploymentRevision, deployments.DeploymentRevision, set()),
    (of_deployments.DeploymentSpec, deployments.DeploymentSpec, set()),
    (of_deployments.DeploymentSpec, deployments.Deploy, set()),
    (of_deployments.Target, deployments.Target, set()),
    (programs.Batching, deployments.Batching, set()),
    (Resources, api_types.resources.Resources, set()),
    (logs.LoggedReplica, replicas.Replica, set()),
    (of_environments.EnvironmentView, environments.Environment, set()),
    (of_environments.Pruned, environments.Pruned, set()),
    (of_specs.EnvironmentSpec, environments.EnvironmentSpec, set()),
    (of_jobs.Job, jobs.Job, {"token", "stopping", "log", "log_start", "events", "checkpoint"}),
    (of_jobs.JobSpec, jobs.JobSpec, {"then"}),
    (of_jobs.TreeInput, jobs.TreeInput, set()),
    (programs.JobEvent, jobs.JobEvent, set()),
    (of_training.Training, jobs.Training, set()),
    (of_training.Recipe, recipes.Recipe, set()),
    (of_training.RecipeNeeds, recipes.Needed, set()),
    (of_models.ListedModel, api_types.models.ListedModel, set()),
    (of_models.Alias, api_types.models.Alias, set()),
    (of_models.Gate, gates.Gate, set()),
    (of_models.GateResult, gates.GateResult, set()),
    (of_models.GateStanding, gates.GateStanding, set()),
    (of_models.Version, versions.Version, set()),
    (of_models.NewVersion, versions.NewVersion, set()),
    (of_models.Lineage, versions.Lineage, set()),
    (of_models.Measurement, versions.Measurement, set()),
    (signed.Signature, signatures.Signature, set()),
    (signed.TensorSpec, signatures.TensorSpec, set()),
    (columns.Column, signatures.Column, set()),
    (features.Feature, signatures.Feature, set()),
    (parameters.Parameter, signatures.Parameter, set()),
    (predicted.Predicted, signatures.Predicted, set()),
    (SequenceLimits, signatures.SequenceLimits, set()),
    (prepared.ImagePreprocess, preprocessing.ImagePreprocess, set()),
    (prepared.TextPreprocess, preprocessing.TextPreprocess, set()),
    (pending.Reaction, reactions.Reaction, {"place"}),
    (SecretView, api_types.secrets.Secret, set()),
    (of_monitoring.SystemStatus, system.SystemStatus, set()),
    (of_monitoring.GatewayView, system.GatewayView, set()),
    (of_monitoring.WorkloadView, system.WorkloadView, set()),
    (of_monitoring.DeviceView, system.DeviceView, set()),
    (of_monitoring.ReactionsView, system.ReactionsView, set()),
    (of_retention.DiskUse, system.DiskUse, set()),
    (of_retention.DiskView, system.Disk, set()),
    (of_retention.ExpiredRecords, system.ExpiredRecords, set()),
    (of_tenants.Tenant, tenants.Tenant, set()),
    (of_tenants.User, users.User, set()),
    (of_tenants.Key, api_types.keys.Key, set()),
    (principal.Principal, users.Identity, set()),
    (UsageSum, usage.UsageSum, set()),
    (UsageEvent, usage.UsageEntry, {"tenant", "more"}),
]
WORDS: list[tuple[Any, Any]] = [
    (datasets.Format, of_datasets.Format),
    (datasets.DatasetState, of_datasets.DatasetVersion.__annotations__["state"]),
    (deployments.DeploymentState, status.DeploymentState),
    (deployments.Dialect, Dialect),
    (deployments.Deploy.__annotations__["dialect"], Dialect),
    (deployments.Policy, programs.Batching.__annotations__["policy"]),
    (environments.EnvironmentState, of_specs.EnvironmentState),
    (gates.GateState, of_models.GateState),
    (jobs.JobState, of_jobs.JobState),
    (preprocessing.Interpolation, prepared.ImagePreprocess.__annotations__["interpolation"]),
    (preprocessing.Layout, prepared.ImagePreprocess.__annotations__["layout"]),
    (preprocessing.Mode, prepared.ImagePreprocess.__annotations__["mode"]),
    (preprocessing.Resize, prepared.ImagePreprocess.__annotations__["resize"]),
    (reactions.ReactionState, pending.ReactionState),
    (replicas.ReplicaState, of_deployments.ReplicaState),
    (signatures.ColumnType, columns.ColumnType),
    (signatures.DType, tensor.DType),
    (signatures.FeatureType, features.Feature.__annotations__["dtype"]),
    (signatures.Form, predicted.Form),
    (signatures.ImageFormat, signed.ImageFormat),
    (signatures.Method, signed.Signature.__annotations__["method"]),
    (signatures.ParameterType, parameters.ParameterType),
    (usage.Of, meters.Of),
    (users.Role, principal.Role),
    (versions.Relation, of_models.Lineage.__annotations__["relation"]),
    (versions.VersionState, of_models.VersionState),
]


def modules(package: Any) -> list[Any]:
    names = [each.name for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    return [importlib.import_module(name) for name in names]


def structs_of(module: Any) -> dict[str, type]:
    return {
        name: each for name, each in vars(module).items() if isinstance(each, type) and issubclass(each, msgspec.Struct)
    }


ALL = {
    f"{module.__name__.rpartition('.')[2]}.{name}": kind
    for module in modules(bms.api_types)
    for name, kind in structs_of(module).items()
    if kind.__module__ == module.__name__
}


def held(kind: Type, found: set[type]) -> set[type]:
    """The types that `kind` holds, itself among them."""
    if isinstance(kind, StructType):
        plain = get_origin(kind.cls) or kind.cls
        if plain not in found or kind.cls is not plain:
            found.add(plain)
            for field in kind.fields:
                held(field.type, found)
    elif isinstance(kind, UnionType):
        for each in kind.types:
            held(each, found)
    elif isinstance(kind, DictType):
        held(kind.value_type, found)
    elif isinstance(kind, CollectionType):
        held(kind.item_type, found)
    return found


def with_bases(kinds: set[type]) -> set[type]:
    return {base for kind in kinds for base in kind.__mro__}


def of_the_server() -> set[type]:
    found: set[type] = set()
    for row in rows():
        for kind in (row.body, row.answer):
            if kind not in (None, bytes):
                held(type_info(kind), found)
    return found


def test_the_server_asks_and_tells_every_one() -> None:
    used = with_bases(of_the_server())
    assert {name for name, kind in ALL.items() if kind not in used} == set()


def test_the_server_asks_and_tells_nothing_else() -> None:
    elsewhere = {
        kind.__name__
        for kind in of_the_server()
        if not kind.__module__.startswith(("bms.api_types.", "bms.core.workloads.isolation", "bms.core.latest"))
    }
    assert elsewhere == {"RepositoryCall"}


def test_the_sdk_knows_every_one() -> None:
    known: set[type] = set()
    for module in modules(bms.sdk):
        for kind in [*structs_of(module).values(), *_types_of_modules(module)]:
            held(type_info(kind), known)
    missing = {name for name, kind in ALL.items() if kind not in with_bases(known)}
    assert {name.rpartition(".")[2] for name in missing} == set(NOT_IN_THE_SDK)


def _types_of_modules(module: Any) -> Iterator[type]:
    """Of whole files of types that a module uses by their name."""
    for each in vars(module).values():
        if getattr(each, "__name__", "").startswith("bms.api_types."):
            yield from structs_of(each).values()


@pytest.mark.parametrize("name", ALL)
def test_none_tells_what_is_the_platforms_own(name: str) -> None:
    assert set(ALL[name].__struct_fields__) & OWN_WORDS == set()


@pytest.mark.parametrize(("noun", "told", "inside"), PAIRS, ids=lambda each: getattr(each, "__qualname__", ""))
def test_what_of_a_noun_stays_inside_is_said(noun: Any, told: Any, inside: set[str]) -> None:
    assert set(noun.__struct_fields__) - set(told.__struct_fields__) == inside


@pytest.mark.parametrize(("noun", "told", "_inside"), PAIRS, ids=lambda each: getattr(each, "__qualname__", ""))
def test_what_may_be_left_out_means_the_same_as_of_the_noun(noun: Any, told: Any, _inside: set[str]) -> None:
    """So that a body that leaves a member out, and one that says the default, ask for the same."""
    own = {field.name: field for field in msgspec.structs.fields(noun)}
    for field in msgspec.structs.fields(told):
        mine = own.get(field.name)
        if mine is None or mine.required or field.required:
            continue
        assert msgspec.to_builtins(_default(field)) == msgspec.to_builtins(_default(mine)), field.name


def _default(field: Any) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


@pytest.mark.parametrize(("told", "noun"), WORDS)
def test_the_words_that_are_described_are_those_that_there_are(told: Any, noun: Any) -> None:
    described = msgspec.json.schema(told)["enum"]
    assert sorted(described) == sorted(get_args(noun))


def test_a_client_takes_members_and_words_of_a_newer_server() -> None:
    told = b"""{"id": "v", "model": "m", "number": 1, "state": "resting", "runtime": "abacus", "artifact": "a",
        "size": 1, "created_at": "2026-01-01T00:00:00Z", "created_by": "me", "mood": "good",
        "signatures": {"s": {"method": "guess",
            "inputs": [{"name": "x", "dtype": "FP4", "shape": [null], "unit": "m"}]}},
        "preprocess": {"type": "image", "mode": "CMYK", "height": 1, "width": 1, "sharpen": true}}"""
    read = msgspec.json.decode(told, type=versions.Version)
    assert (read.state, read.signatures["s"].inputs[0].dtype) == ("resting", "FP4")


def test_what_a_client_read_and_puts_back_asks_for_what_there_was() -> None:
    """A deployment that was stopped stays so, whoever changes another of its settings by what they read."""
    spec = of_deployments.DeploymentSpec(
        model="m",
        targets=(of_deployments.Target(version=1, weight=90), of_deployments.Target(alias="next", weight=10)),
        batching=programs.Batching(policy="adaptive", sizes=(1, 8)),
        resources=Resources(cpu=2.0),
        dialect="kserve",
        stopped=True,
    )
    now = datetime(2026, 1, 1, tzinfo=UTC)
    noun = of_deployments.Deployment(id="d", tenant="t", name="d", spec=spec, created_at=now, created_by="me")
    told = msgspec.json.encode(shown_deployments.deployment(noun))
    read = msgspec.json.decode(told, type=deployments.Deployment).spec
    put = msgspec.json.encode(without_defaults(deployments.Deploy(**msgspec.structs.asdict(read))))
    check_members(put, deployments.Deploy)
    assert of_the_door._spec(msgspec.json.decode(put, type=deployments.Deploy)) == spec
