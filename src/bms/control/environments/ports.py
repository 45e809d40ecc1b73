"""What the environments feature reads: which specs versions and jobs were made with."""

from typing import Protocol

from bms.control.environments.nouns import Use
from bms.core.workloads.environments import EnvironmentSpec


class UsesTx(Protocol):
    """Reads versions and jobs, each as far as their environments go."""

    async def uses(self, tenant: str | None) -> list[Use]:
        """By spec: versions that are not deleted, jobs that have not ended, and the newest that have.

        `tenant` None: of all tenants.
        """
        ...

    async def needed(self) -> list[EnvironmentSpec]:
        """Of all tenants: what versions that may be served again, and jobs that have not ended, will ask for."""
        ...
