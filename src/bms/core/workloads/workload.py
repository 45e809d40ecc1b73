"""Workloads as a cluster sees them: the processes to run, model servers and jobs alike, and their status."""

from typing import Literal

import msgspec

from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.isolation import Level
from bms.core.workloads.resources import Resources

WorkloadKind = Literal["model_server", "job"]


class WorkloadSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One process to run, described by values and digests: nothing in it depends on one machine.

    `id` is unique for ever, so starting twice is noticed; `epoch` fences attempts. `program` is a module of the slim
    part, e.g. "bms.app.model_server"; it runs with the interpreter of `environment`, and its one argument is the path
    of a JSON file that holds `config` beside the places where it runs (`core.programs.Places`). `trees` are directories
    that it may read, by the name under which it finds each: digests of the tenant's trees.

    A confining cluster shows it of the platform's files only its environment, its trees, and what is its own. `network`
    is for programs of the platform that must reach out; it keeps all other protections. `isolation` is the least that
    it may run with.
    """

    id: str
    kind: WorkloadKind
    tenant: str
    owner: str  # id of the replica or job it runs for
    epoch: int
    program: str
    config: dict[str, object]
    resources: Resources
    environment: EnvironmentSpec = EnvironmentSpec()
    trees: dict[str, str] = {}
    env: dict[str, str] = {}
    network: bool = False
    isolation: Level = "none"
    stop_grace_s: float = 10.0


class WorkloadStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The present state of a workload, as its cluster sees it.

    `endpoint` is where a model server is spoken to, in the words of `core.endpoints`; a job has none. `node` names the
    machine. `ended` with `exit_code` None means: it is gone and nobody saw how (it ended while its cluster was down);
    the workload's own result file then decides. A negative exit code is minus the signal.
    """

    id: str
    kind: WorkloadKind
    tenant: str
    owner: str
    epoch: int
    state: Literal["running", "ended"]
    started_at: int  # Unix nanoseconds
    node: str = ""
    endpoint: str = ""
    exit_code: int | None = None
    verdict: str = ""  # why the cluster ended it, e.g. "killed: used 2.1 GB of 2.0 GB"
    platform_stopped: bool = False  # it was ended with the whole platform, on purpose
    memory: int = 0  # resident bytes of its process group
    cpu_ns: int = 0
    gpus: tuple[str, ...] = ()  # uuids of the devices that it alone sees
