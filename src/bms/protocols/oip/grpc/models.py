"""Metadata of a server and its models as messages of the Open Inference Protocol v2."""

from collections.abc import Iterable
from typing import Any

import orjson
from google.protobuf.json_format import ParseDict

from bms.core.serving.snapshot import DeploymentEntry, ServedVersion
from bms.protocols.oip.config import encode_config
from bms.protocols.oip.metadata import encode_model, encode_server
from bms.protocols.oip.repository import encode_index
from bms.protocols.oip.statistics import VersionStatistics, encode_statistics
from bms.protocols.protobuf.pool import message


def server_metadata(version: str) -> bytes:
    return _message("ServerMetadataResponse", orjson.loads(encode_server(version)))


def server_live() -> bytes:
    return _message("ServerLiveResponse", {"live": True})


def server_ready(ready: bool) -> bytes:
    return _message("ServerReadyResponse", {"ready": ready})


def model_ready(ready: bool) -> bytes:
    return _message("ModelReadyResponse", {"ready": ready})


def model_metadata(entry: DeploymentEntry, version: ServedVersion) -> bytes:
    return _message("ModelMetadataResponse", orjson.loads(encode_model(entry, version)))


def model_config(entry: DeploymentEntry, version: ServedVersion) -> bytes:
    return _message("ModelConfigResponse", {"config": orjson.loads(encode_config(entry, version))})


def model_statistics(counted: Iterable[tuple[str, int, VersionStatistics]]) -> bytes:
    return _message("ModelStatisticsResponse", orjson.loads(encode_statistics(counted)))


def repository_index(entries: Iterable[DeploymentEntry], ready_only: bool) -> bytes:
    return _message("RepositoryIndexResponse", {"models": orjson.loads(encode_index(entries, ready_only))})


def _message(name: str, value: dict[str, Any]) -> bytes:
    built: bytes = ParseDict(value, message(f"inference.{name}")(), ignore_unknown_fields=True).SerializeToString()
    return built
