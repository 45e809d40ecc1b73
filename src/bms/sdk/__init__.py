"""The Python client of BMS: needs nothing of the server, and serves blocking and asyncio programs from one source.

Read in this order: transport (flow, what a call is, and drivers, who does it), binding (how methods come of it),
retries; then any resource, such as tenants; then client. `predictions` is what an inference request and its answer are
made of, `nouns` what resources share, `tables` data frames, `files` content that is uploaded.
"""

from bms.sdk.client import AsyncClient, Client
from bms.sdk.notes import RoundedWarning

__all__ = ["AsyncClient", "Client", "RoundedWarning"]
