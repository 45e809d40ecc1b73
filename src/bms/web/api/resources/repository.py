"""The model repository extension of the Open Inference Protocol: load and unload, on the protocol's own paths."""

import contextlib
from collections.abc import Iterator
from typing import Any

import msgspec
from starlette.responses import Response

from bms.control.deployments.repository import ModelRepository
from bms.core.errors import BmsError, InvalidArgument, Unimplemented
from bms.web.api.endpoint import ApiCall, Endpoint

MOST_WAIT_S = 240.0  # less than gateways wait for control
MODEL = "/v2/repository/models/{deployment}"


class RepositoryCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body that clients of the protocol send. `unload_dependents` is accepted, since nothing depends on a
    deployment."""

    parameters: dict[str, Any] = {}
    repository_name: str | None = None


def endpoints(repository: ModelRepository) -> list[Endpoint]:
    async def load(call: ApiCall[RepositoryCall]) -> Response:
        name = call.path["deployment"]
        with _triton_errors("load", name):
            _refuse_content(call.body.parameters)
            await repository.load(call.principal, name, _wait_s(call))
        return _done()

    async def unload(call: ApiCall[RepositoryCall]) -> Response:
        name = call.path["deployment"]
        with _triton_errors("unload", name):
            await repository.unload(call.principal, name, _wait_s(call))
        return _done()

    write = "deployments:write"
    return [
        Endpoint("POST", f"{MODEL}/load", write, load, "Serve it", None, RepositoryCall, foreign=True),
        Endpoint("POST", f"{MODEL}/unload", write, unload, "Serve it no more", None, RepositoryCall, foreign=True),
    ]


@contextlib.contextmanager
def _triton_errors(verb: str, name: str) -> Iterator[None]:
    """Translates errors into the texts that Triton's clients look for."""
    try:
        yield
    except BmsError as error:
        raise type(error)(f"failed to {verb} {name!r}, {error.message}", retry_after_s=error.retry_after_s) from error


def _wait_s(call: ApiCall[RepositoryCall]) -> float:
    """Returns how long the caller waits for the end, in seconds."""
    given = call.request.headers.get("x-request-timeout")
    if given is None:
        return MOST_WAIT_S
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise InvalidArgument("x-request-timeout must be a number of seconds above 0 and below 1e9")
    return min(seconds, MOST_WAIT_S)


def _done() -> Response:
    return Response(b"{}", media_type="application/json")


def _refuse_content(parameters: dict[str, Any]) -> None:
    if any(name.startswith("file:") for name in parameters):
        raise Unimplemented("models are added by `bms model push` or as versions by the API, not by loading them")
    if "config" in parameters:
        raise Unimplemented(
            "a configuration is not taken here: a version says its own when it is pushed (`bms model push "
            "--max-batch-size 8`), `bms deployment set` how it is served"
        )
    if parameters:
        raise InvalidArgument(f"unknown parameter {next(iter(parameters))[:80]!r}: loading takes none")
