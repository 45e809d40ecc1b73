"""The ASGI application of the control API: a route per endpoint, problem details for everything else."""

import functools
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp

from bms.core.errors import InvalidArgument, MethodNotAllowed, NotFound
from bms.core.ids import new_id
from bms.web.api.dispatch import EndpointDispatcher
from bms.web.api.draining import Draining
from bms.web.api.endpoint import PUBLIC, ApiCall, Endpoint
from bms.web.api.openapi.document import PREFIX, describe
from bms.web.api.page import serving as page
from bms.web.api.prefix import Prefixed
from bms.web.api.problems import plain_error, problem


def application(endpoints: Sequence[Endpoint], dispatcher: EndpointDispatcher, version: str) -> ASGIApp:
    """Builds the whole API. Its own description and the page that shows it are the only paths without a key."""
    ours = [endpoint for endpoint in endpoints if not endpoint.foreign]

    @functools.lru_cache(8)
    def document(prefix: str) -> bytes:
        return msgspec.json.encode(describe([*ours, shown], version, prefix))  # when it is first asked for: 0.1 s

    async def description(call: ApiCall[None]) -> Response:
        return Response(document(call.request.scope.get("root_path", "")), media_type="application/json")

    shown = Endpoint("GET", "/openapi.json", PUBLIC, description, "This description", dict[str, object])
    routes = [
        Route(PREFIX + endpoint.path, _serve(endpoint, dispatcher), methods=[endpoint.method])
        for endpoint in [*ours, shown]
    ]
    routes += [
        Route(endpoint.path + slash, _serve(endpoint, dispatcher), methods=[endpoint.method])
        for endpoint in endpoints
        if endpoint.foreign
        for slash in ("", "/")
    ]
    routes += page.routes()
    return Draining(Prefixed(Starlette(routes=routes, exception_handlers={HTTPException: _unrouted})))


def _serve(endpoint: Endpoint, dispatcher: EndpointDispatcher) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        return await dispatcher(endpoint, request)

    return serve


async def _unrouted(request: Request, error: Exception) -> Response:
    request_id = request.headers.get("x-request-id") or new_id("req")
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        allowed = _methods(request)
        said = f"{request.method} is not for {request.url.path}: use {allowed}"
        style = problem if _path(request).startswith((PREFIX, page.AT)) else plain_error
        return style(MethodNotAllowed(said, allowed), request_id)
    if status == 404:
        return problem(NotFound(f"nothing is served at {request.url.path}: see {PREFIX}/openapi.json"), request_id)
    return problem(InvalidArgument(str(error)), request_id)


def _methods(request: Request) -> str:
    """Returns all methods at the request's path, which may have a route for each."""
    found: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return ", ".join(sorted(found))


def _path(request: Request) -> str:
    """Returns the request's path without the prefix that a proxy puts before it."""
    return request.url.path.removeprefix(request.scope.get("root_path", ""))
