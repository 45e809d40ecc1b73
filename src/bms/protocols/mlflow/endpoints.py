"""Lists deployments as endpoints, for MLflow's deployment clients: those of its own server, and those of Databricks.

Sources: `Endpoint` of mlflow/gateway/config.py; https://docs.databricks.com/api/workspace/servingendpoints/get.
"""

from collections.abc import Iterable

import orjson

from bms.core.serving.snapshot import DeploymentEntry, ServedVersion

_TYPE = "custom"  # of models that are none of MLflow's chat, completions or embeddings
_PROVIDER = "bms"


def encode_endpoints(entries: Iterable[DeploymentEntry]) -> bytes:
    """Encodes all deployments of a tenant, on one page."""
    return orjson.dumps({"endpoints": [_endpoint(entry) for entry in _sorted(entries)], "next_page_token": None})


def encode_endpoint(entry: DeploymentEntry) -> bytes:
    return orjson.dumps(_endpoint(entry))


def encode_databricks_endpoints(entries: Iterable[DeploymentEntry]) -> bytes:
    return orjson.dumps({"endpoints": [_databricks(entry) for entry in _sorted(entries)]})


def encode_databricks_endpoint(entry: DeploymentEntry) -> bytes:
    return orjson.dumps(_databricks(entry))


def _sorted(entries: Iterable[DeploymentEntry]) -> list[DeploymentEntry]:
    return sorted(entries, key=lambda entry: entry.name)


def _endpoint(entry: DeploymentEntry) -> dict[str, object]:
    return {
        "name": entry.name,
        "endpoint_type": _TYPE,
        "model": {"name": entry.model, "provider": _PROVIDER},
        "endpoint_url": f"/endpoints/{entry.name}/invocations",
        "limit": None,
    }


def _databricks(entry: DeploymentEntry) -> dict[str, object]:
    sharing = [version for version in entry.versions if version.weight > 0]
    total = sum(version.weight for version in sharing)
    ready = any(version.state == "AVAILABLE" and version.replicas for version in sharing)
    changing = any(version.state in ("START", "LOADING", "UNLOADING") for version in entry.versions)
    routes = [
        {
            "served_entity_name": _served_name(entry, version),
            "served_model_name": _served_name(entry, version),
            "traffic_percentage": round(100 * version.weight / total),
        }
        for version in sharing
    ]
    return {
        "id": entry.id,
        "name": entry.name,
        "state": {
            "ready": "READY" if ready else "NOT_READY",
            "config_update": "IN_PROGRESS" if changing else "NOT_UPDATING",
        },
        "config": {
            "served_entities": [_served_entity(entry, version) for version in entry.versions],
            "traffic_config": {"routes": routes},
        },
    }


def _served_entity(entry: DeploymentEntry, version: ServedVersion) -> dict[str, object]:
    return {
        "name": _served_name(entry, version),
        "entity_name": entry.model,
        "entity_version": str(version.number),
        "state": {
            "deployment": "DEPLOYMENT_READY" if version.state == "AVAILABLE" else "DEPLOYMENT_CREATING",
            "deployment_state_message": version.error,
        },
    }


def _served_name(entry: DeploymentEntry, version: ServedVersion) -> str:
    return f"{entry.model}-{version.number}"
