"""What removal needs beside the features: their rows, all at once."""

from datetime import datetime
from typing import Protocol


class TenantRows(Protocol):
    async def purge(self, tenant: str, at: datetime) -> int:
        """Deletes every row of the tenant but the tenant's own, its events and the books; how many there were. What it
        still held, it held until `at`."""
        ...
