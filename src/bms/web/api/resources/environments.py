"""Environment endpoints: inspect, follow a build, fetch the lock file, remove what nobody needs."""

from starlette.responses import Response

from bms.api_types.environments import Environment, Pruned
from bms.api_types.pages import Page
from bms.control.environments.service import EnvironmentService
from bms.web.api.endpoint import ApiCall, Endpoint, Listing, listing
from bms.web.api.log_pieces import LogPlace, log_piece, offset_of, plain_text
from bms.web.api.views import environments as view
from bms.web.api.views.pages import page


def endpoints(service: EnvironmentService) -> list[Endpoint]:
    async def environments(call: ApiCall[None]) -> Page[Environment]:
        return page(await service.page(call.principal, listing(call)), view.environment)

    async def environment(call: ApiCall[None]) -> Environment:
        return view.environment(await service.get(call.principal, call.path["environment"]))

    async def lock(call: ApiCall[None]) -> Response:
        return plain_text(await service.lock(call.principal, call.path["environment"]))

    async def log(call: ApiCall[None]) -> Response:
        piece = await service.log(call.principal, call.path["environment"], offset_of(call))
        return log_piece(piece.content, piece.next, environment_state=piece.state)

    async def prune(call: ApiCall[None]) -> Pruned:
        return view.pruned(await service.prune(call.principal))

    one, read = "/environments/{environment}", "environments:read"
    return [
        Endpoint(
            "GET",
            "/environments",
            read,
            environments,
            "Those one's models and jobs use",
            Page[Environment],
            query=Listing,
        ),
        Endpoint("GET", one, read, environment, "One environment, by its digest", Environment),
        Endpoint("GET", one + "/lock", read, lock, "The lock file it was installed from", bytes, media="text/plain"),
        Endpoint(
            "GET", one + "/log", read, log, "A piece of what its build says", bytes, query=LogPlace, media="text/plain"
        ),
        Endpoint("POST", "/environments/prune", "environments:write", prune, "Remove what nobody needs", Pruned),
    ]
