"""gRPC methods that ask no model: descriptions of what is served, for those who may call it, and health, for all."""

from collections.abc import Callable
from typing import Any

from bms.core.errors import NotFound, Unavailable
from bms.core.serving.snapshot import KeyEntry, ServedVersion
from bms.protocols.oip.grpc import models
from bms.protocols.oip.grpc.infer import read_version
from bms.protocols.oip.grpc.settings import log_settings, trace_settings
from bms.protocols.protobuf.pool import message, parse
from bms.serving.pipeline.pipeline import Pipeline
from bms.serving.traffic.snapshot_index import DeploymentRoute, served
from bms.serving.traffic.split import find_route, named_version
from bms.web.inference.grpc.call import RpcCall
from bms.web.inference.grpc.method import QuietMethod


class DescribeMethod(QuietMethod):
    """A method that is answered at once; `tell` makes the answer from the key (None where all may ask) and the
    request."""

    def __init__(
        self, name: str, pipeline: Pipeline, tell: Callable[[KeyEntry | None, Any], bytes], *, public: bool
    ) -> None:
        self._request = message(f"inference.{name}Request")
        self._pipeline = pipeline
        self._tell = tell
        self._public = public

    def opened(self, call: RpcCall) -> None:
        if not self._public:
            call.caller = self._pipeline.admit(call.head)

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        key = call.caller
        assert key is None or isinstance(key, KeyEntry)
        answer = self._tell(key, parse(self._request, message))
        self._pipeline.metrics.direct(200)
        call.respond(answer)


class GrpcDescriber:
    """The descriptive methods of the Open Inference Protocol. `ready` says whether a snapshot is there, `version` is
    this software's."""

    def __init__(self, pipeline: Pipeline, ready: Callable[[], bool], version: str) -> None:
        self._pipeline = pipeline
        self._ready = ready
        self._version = version

    def methods(self) -> dict[str, DescribeMethod]:
        """Returns the methods by their names in the service."""
        public: dict[str, Callable[[KeyEntry | None, Any], bytes]] = {
            "ServerLive": lambda key, request: models.server_live(),
            "ServerReady": lambda key, request: models.server_ready(self._ready()),
            "ServerMetadata": lambda key, request: models.server_metadata(self._version),
        }
        told: dict[str, Callable[[KeyEntry | None, Any], bytes]] = {
            "ModelReady": self._model_ready,
            "ModelMetadata": self._model_metadata,
            "ModelConfig": self._model_config,
            "ModelStatistics": self._model_statistics,
            "RepositoryIndex": self._repository_index,
            "TraceSetting": self._trace_setting,
            "LogSettings": lambda key, request: log_settings(request),
        }
        return {
            name: DescribeMethod(name, self._pipeline, tell, public=name in public)
            for name, tell in {**public, **told}.items()
        }

    def _model_ready(self, key: KeyEntry | None, request: Any) -> bytes:
        """Answers ModelReady; a model that isn't there isn't ready: an error is what clients raise on."""
        number, alias = read_version(request.version)
        try:
            route = self._route(key, request.name)
            named = number is not None or alias is not None
            ready = served(named_version(route, number, alias)) if named else bool(route.shares)
        except (NotFound, Unavailable):
            ready = False
        return models.model_ready(ready)

    def _model_metadata(self, key: KeyEntry | None, request: Any) -> bytes:
        return models.model_metadata(*self._version_of(key, request))

    def _model_config(self, key: KeyEntry | None, request: Any) -> bytes:
        return models.model_config(*self._version_of(key, request))

    def _model_statistics(self, key: KeyEntry | None, request: Any) -> bytes:
        assert key is not None
        number, alias = read_version(request.version)
        if request.name:
            routes = [self._route(key, request.name)]
        else:
            index = self._pipeline.index
            routes = [index.routes[key.tenant, entry.name] for entry in index.tenant_entries(key.tenant)]
        return models.model_statistics(
            (route.entry.name, version.number, self._pipeline.metrics.statistics(route.entry.id, version.number))
            for route in routes
            for version in (_versions(route, number, alias) if request.name else _versions(route, None, None))
        )

    def _repository_index(self, key: KeyEntry | None, request: Any) -> bytes:
        assert key is not None
        return models.repository_index(self._pipeline.index.tenant_entries(key.tenant), request.ready)

    def _trace_setting(self, key: KeyEntry | None, request: Any) -> bytes:
        if request.model_name:
            self._route(key, request.model_name)
        return trace_settings(request)

    def _route(self, key: KeyEntry | None, name: str) -> DeploymentRoute:
        assert key is not None
        return find_route(self._pipeline.index, key.tenant, name)

    def _version_of(self, key: KeyEntry | None, request: Any) -> tuple[Any, ServedVersion]:
        """Returns the deployment's entry and the version that is asked for, or one that takes traffic."""
        assert key is not None
        number, alias = read_version(request.version)
        if number is not None or alias is not None:
            route = self._route(key, request.name)
            return route.entry, named_version(route, number, alias)
        route, version = self._pipeline.route(key, request.name, None, None)
        return route.entry, version


def _versions(route: DeploymentRoute, number: int | None, alias: str | None) -> list[ServedVersion]:
    if number is not None or alias is not None:
        return [named_version(route, number, alias)]
    return [route.versions[each] for each in sorted(route.versions)]
