"""The bounds of values as JSON Schema writes them: patterns, lengths and ranges of parameters and fields.

The checks themselves are the features' own, in words; what stands here is taken from where they are, so that one can't
change without the other, or is beside a line that says the same.
"""

from typing import Any

from bms.control.deployments.batching import MOST_ROWS, MOST_SIZES
from bms.control.jobs.validation import MAX_ATTEMPTS, MAX_TIMEOUT_S
from bms.control.models.checks import MAX_NUMBER
from bms.control.platform.trees import MAX_FILE, MAX_FILES
from bms.control.secrets.service import MAX_VALUE
from bms.core.digest import PATTERN as DIGEST
from bms.core.ids import NAME, PUBLIC_NAME
from bms.core.pages import MAX_LIMIT
from bms.web.api.whole_numbers import LARGEST

Schema = dict[str, Any]
_NAMED: Schema = {"pattern": f"^{NAME}$", "minLength": 1, "maxLength": 63}
_PUBLIC: Schema = {"pattern": f"^{PUBLIC_NAME}$", "minLength": 1, "maxLength": 63}
_DIGEST: Schema = {"pattern": f"^{DIGEST}$"}
_ID: Schema = {"pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$", "minLength": 1, "maxLength": 100}
_NUMBER: Schema = {"minimum": 1, "maximum": MAX_NUMBER}
_COUNT: Schema = {"minimum": 0, "maximum": LARGEST}
_TEXT: Schema = {"minLength": 1}
_SIZE: Schema = {"minimum": 2**20, "maximum": 2**50}

PATH: dict[str, Schema] = {
    "alias": _NAMED,
    "dataset": _NAMED,
    "deployment": _PUBLIC,
    "digest": _DIGEST,
    "environment": _DIGEST,
    "job": _ID,
    "key": _ID,
    "label": _NAMED,
    "model": _PUBLIC,
    "number": {"pattern": "^[1-9][0-9]{0,9}$"},
    "path": _TEXT,
    "replica": _ID,
    "secret": _NAMED,
    "tenant": _NAMED,
    "user": _ID,
    "version": {"pattern": "^[0-9]{1,18}$"},
    "version_or_alias": _NAMED,
}
HEADER: dict[str, Schema] = {
    "Idempotency-Key": {"minLength": 1, "maxLength": 200},
    "If-Match": {"pattern": r'^(\*|(W/)?"[!#-~]*"|[0-9]{1,100})$'},
    "X-Request-Id": {},  # one that can't be shown is replaced
    "X-Request-Timeout": {"exclusiveMinimum": 0, "exclusiveMaximum": 1e9},
}
_QUERY: dict[str, Schema] = {
    "after": _COUNT,
    "cursor": _TEXT,
    "end": {"format": "date-time"},
    "limit": {"minimum": 1, "maximum": MAX_LIMIT},
    "offset": _COUNT,
    "start": {"format": "date-time"},
    "version": {"minimum": -LARGEST, "maximum": LARGEST},
}
_FIELD: dict[str, Schema] = {  # by `Type.field`; else by the name alone
    "Batching.max_rows": {"minimum": 1, "maximum": MOST_ROWS},
    "Batching.max_wait_s": {"minimum": 0, "maximum": 10},
    "Batching.objective_s": {"minimum": 0.001, "maximum": 60},
    "Batching.sizes": {"maxItems": MOST_SIZES},
    "CreateDeployment.name": _PUBLIC,
    "CreateKey.burst": {"minimum": 1, "maximum": 10**9},
    "CreateKey.expires_at": {"format": "date-time"},
    "CreateKey.name": _NAMED,
    "CreateKey.rate_per_s": {"minimum": 1e-6, "maximum": 1e9},
    "CreateModel.name": _PUBLIC,
    "CreateTenant.id": _NAMED,
    "CreateTenant.owner": _NAMED,
    "CreateUser.name": _NAMED,
    "CreateVersion.archive": _DIGEST,
    "CreateVersion.files": {"maxItems": MAX_FILES},
    "CreateVersion.tree": _DIGEST,
    "Deploy.max_in_flight": {"minimum": 1, "maximum": 100_000},
    "Deploy.replicas": {"minimum": 1, "maximum": 1000},
    "Deploy.version": _NUMBER,
    "FileEntry.digest": _DIGEST,
    "FileEntry.path": _TEXT,
    "FileEntry.size": {"minimum": 0, "maximum": MAX_FILE},
    "Resources.cpu": {"exclusiveMinimum": 0, "maximum": 1024},
    "Resources.disk": _SIZE,
    "Resources.gpu": {"minimum": 0, "maximum": 64},
    "Resources.gpu_memory": {"minimum": 0, "maximum": 2**50},
    "Resources.memory": _SIZE,
    "Resources.processes": {"minimum": 1, "maximum": 2**20},
    "SetSecret.value": {"pattern": "^[!-~]([ -~]*[!-~])?$", "minLength": 1, "maxLength": MAX_VALUE},
    "StartImport.seed": {"minimum": 0, "maximum": LARGEST},
    "StartImport.shard_rows": {"minimum": 1, "maximum": 10_000_000},
    "Target.version": _NUMBER,
    "Target.weight": {"minimum": 0, "maximum": 100},
    "Training.max_attempts": {"minimum": 1, "maximum": MAX_ATTEMPTS},
    "Training.timeout_s": {"exclusiveMinimum": 0, "maximum": MAX_TIMEOUT_S},
    "drain_s": {"minimum": 0, "maximum": 3600},
    "keep_previous_s": {"minimum": 0, "maximum": 86_400},
    "start_timeout_s": {"minimum": 1, "maximum": 3600},
    "timeout_s": {"minimum": 0.001, "maximum": 3600},
}
_ASKED = ("Deploy", "CreateDeployment")
_FIELD |= {name.replace("Deploy.", "CreateDeployment."): bound for name, bound in _FIELD.items() if "Deploy." in name}


def of_query(name: str, schema: Schema) -> Schema:
    return bounded(schema, _QUERY.get(name, {}))


def of_field(kind: str, name: str, schema: Schema) -> Schema:
    """Returns the bounds of a field of a request; answers have none, since stored values may be older than a bound."""
    bound = _FIELD.get(f"{kind}.{name}")
    if bound is None and kind in _ASKED:
        bound = _FIELD.get(name)
    return bounded(schema, bound or {})


def bounded(schema: Schema, bound: Schema) -> Schema:
    """Adds bounds to a schema, beside the type, in whichever form is not null."""
    if not bound:
        return schema
    if "anyOf" in schema:
        forms = [form if form.get("type") == "null" else {**form, **bound} for form in schema["anyOf"]]
        return {**schema, "anyOf": forms}
    return {**schema, **bound}
