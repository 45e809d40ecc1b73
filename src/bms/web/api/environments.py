"""Environments over HTTP: look, follow a build, take the lock, remove what nobody needs."""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from bms.control.environments.nouns import EnvironmentView, Pruned
from bms.control.environments.service import EnvironmentService
from bms.core.errors import InvalidArgument
from bms.core.pages import Page
from bms.web.api.endpoint import Call, Endpoint, Listing, listing


class LogPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`offset` counts bytes from the log's beginning: the `x-next-offset` of the last answer."""

    offset: int = 0


def endpoints(service: EnvironmentService) -> list[Endpoint]:
    async def environments(call: Call[None]) -> Page[EnvironmentView]:
        return await service.page(call.principal, listing(call))

    async def environment(call: Call[None]) -> EnvironmentView:
        return await service.get(call.principal, call.path["environment"])

    async def lock(call: Call[None]) -> Response:
        return _text(await service.lock(call.principal, call.path["environment"]))

    async def log(call: Call[None]) -> Response:
        if call.query.offset < 0:
            raise InvalidArgument(f"offset is {call.query.offset}, expected 0 or more")
        piece = await service.log(call.principal, call.path["environment"], call.query.offset)
        headers = {"x-next-offset": str(piece.next), "x-environment-state": piece.state}
        return _text(piece.content, headers)

    async def prune(call: Call[None]) -> Pruned:
        return await service.prune(call.principal)

    one, read = "/environments/{environment}", "environments:read"
    views, view = Page[EnvironmentView], EnvironmentView
    return [
        Endpoint("GET", "/environments", read, environments, "Those one's models and jobs use", views, query=Listing),
        Endpoint("GET", one, read, environment, "One environment, by its digest", view),
        Endpoint("GET", one + "/lock", read, lock, "The lock file it was installed from", bytes, media="text/plain"),
        Endpoint(
            "GET", one + "/log", read, log, "A piece of what its build says", bytes, query=LogPlace, media="text/plain"
        ),
        Endpoint("POST", "/environments/prune", "environments:write", prune, "Remove what nobody needs", Pruned),
    ]


def _text(content: str | bytes, headers: Mapping[str, str] = {}) -> Response:
    plain = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
    return Response(content, headers={**plain, **headers}, media_type="text/plain; charset=utf-8")
