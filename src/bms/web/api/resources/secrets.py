"""Secret endpoints: set, list, delete. No path returns a value."""

from bms.api_types.pages import Page
from bms.api_types.secrets import Secret, SetSecret
from bms.control.secrets.service import SecretService
from bms.web.api.endpoint import ApiCall, Endpoint, Listing, listing
from bms.web.api.views import secrets as view
from bms.web.api.views.pages import page


def endpoints(service: SecretService) -> list[Endpoint]:
    async def put(call: ApiCall[SetSecret]) -> Secret:
        body = call.body
        return view.secret(await service.put(call.principal, call.path["secret"], body.value, body.hosts))

    async def secrets(call: ApiCall[None]) -> Page[Secret]:
        return page(await service.secrets(call.principal, listing(call)), view.secret)

    async def delete(call: ApiCall[None]) -> None:
        await service.delete(call.principal, call.path["secret"])

    one = "/secrets/{secret}"
    return [
        Endpoint("PUT", one, "secrets:write", put, "Set or replace a secret", Secret, SetSecret),
        Endpoint("GET", "/secrets", "secrets:read", secrets, "List secrets", Page[Secret], query=Listing),
        Endpoint("DELETE", one, "secrets:write", delete, "Delete a secret", None, status=204),
    ]
