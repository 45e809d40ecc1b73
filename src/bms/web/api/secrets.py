"""Secrets over HTTP: set, list, delete. No path gives a value."""

import msgspec

from bms.control.secrets.nouns import SecretView
from bms.control.secrets.service import SecretService
from bms.core.pages import Page
from bms.web.api.endpoint import Call, Endpoint, Listing, listing


class SetSecret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`value` is sent to `hosts` alone; none: to whichever upstream names the secret."""

    value: str
    hosts: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "SetSecret()"  # without the value, wherever this is written


def endpoints(service: SecretService) -> list[Endpoint]:
    async def put(call: Call[SetSecret]) -> SecretView:
        return await service.put(call.principal, call.path["secret"], call.body.value, call.body.hosts)

    async def secrets(call: Call[None]) -> Page[SecretView]:
        return await service.secrets(call.principal, listing(call))

    async def delete(call: Call[None]) -> None:
        await service.delete(call.principal, call.path["secret"])

    one = "/secrets/{secret}"
    return [
        Endpoint("PUT", one, "secrets:write", put, "Set or replace a secret", SecretView, SetSecret),
        Endpoint("GET", "/secrets", "secrets:read", secrets, "List secrets", Page[SecretView], query=Listing),
        Endpoint("DELETE", one, "secrets:write", delete, "Delete a secret", None, status=204),
    ]
