"""The client of BMS: needs nothing of the server, and is written once for blocking and asyncio programs.

Read in this order: flow (what a call is), drivers (who does it), binding (how methods come of it), retries,
failures; then any resource, such as tenants; then client.
"""

from bms.sdk.client import AsyncClient, Client
from bms.sdk.notes import RoundedWarning

__all__ = ["AsyncClient", "Client", "RoundedWarning"]
