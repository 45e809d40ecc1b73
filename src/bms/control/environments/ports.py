"""The repository that environments need: which specs versions and jobs use."""

from typing import Protocol

from bms.control.environments.nouns import Use
from bms.core.workloads.environments import EnvironmentSpec


class UsesTx(Protocol):
    """Reads versions and jobs, each as far as their environments go."""

    async def uses(self, tenant: str | None) -> list[Use]:
        """Uses by spec: of versions that are not deleted, jobs that have not ended, and the newest that have.

        `tenant` None: of all tenants.
        """
        ...

    async def needed(self) -> list[EnvironmentSpec]:
        """The specs of all tenants that versions that may be served again, and jobs that have not ended, will need."""
        ...
