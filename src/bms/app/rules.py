"""The operator's rules for models and jobs, and how long their records are kept: given to `bms up`, kept by control."""

import msgspec

from bms.adapters.environments.sources import PackageSources
from bms.core.errors import InvalidArgument
from bms.core.retention import RetentionPolicy
from bms.core.serving.upstreams import parse_allowed
from bms.core.workloads.endpoints import parse_endpoint
from bms.core.workloads.isolation import Level


class WorkloadRules(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's rules for workloads. `packages` is where environments are installed from and may hold passwords;
    `require_isolation` the isolation without which nothing starts; `allowed_upstreams` the addresses that models may
    reach beside public ones; `verification_s` how long a version may take to be recognised, loaded and tried, in
    seconds. `node_agent` is the endpoint of the node agent that runs workloads, empty for this machine, and
    `node_agent_secret` the path of the file that holds the agent's secret."""

    packages: PackageSources = PackageSources()
    require_isolation: Level = "none"
    allowed_upstreams: tuple[str, ...] = ()
    verification_s: float = 300.0
    node_agent: str = ""
    node_agent_secret: str = ""
    retention: RetentionPolicy = RetentionPolicy()

    def __post_init__(self) -> None:
        parse_allowed(self.allowed_upstreams)
        if not 1 <= self.verification_s <= 86_400:
            raise InvalidArgument(f"the time for verification is {self.verification_s:g} s, expected 1 to 86400")
        if self.node_agent:
            parse_endpoint(self.node_agent)
        if bool(self.node_agent) != bool(self.node_agent_secret):
            raise InvalidArgument(
                "a node agent is known by its endpoint and its secret: give --node-agent and --node-agent-secret, both "
                "or neither"
            )
