"""/api/v1/jobs: programs that run to completion, and the requests that start them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec

from bms.api_types.by_name import ByName
from bms.api_types.environments import EnvironmentSpec
from bms.api_types.resources import Resources
from bms.core.formats.json_numbers import JsonNumber

JobState = Annotated[
    str,
    msgspec.Meta(
        extra_json_schema={
            "enum": ["cancelled", "failed", "lost", "queued", "running", "starting", "succeeded"],
        }
    ),
]
ENDED = frozenset({"succeeded", "failed", "cancelled", "lost"})


class TreeInput(msgspec.Struct, frozen=True, kw_only=True):
    """An input directory of a job: a tree (by digest) mounted as `name`; `reference` names it for people."""

    name: str
    tree: str
    reference: str = ""


class JobSpec(ByName, msgspec.Struct, frozen=True, kw_only=True):
    """What a job runs, completely resolved: nothing in it changes meaning later.

    `entry` is "task:NAME" for one of the platform's tasks, else a script's path in the tree `code`.
    """

    kind: str = ""
    entry: str = ""
    code: str | None = None
    inputs: tuple[TreeInput, ...] = ()
    parameters: dict[str, object] = {}
    environment: EnvironmentSpec = EnvironmentSpec()
    resources: Resources = Resources()
    timeout_s: float = 3600.0
    max_attempts: int = 1
    subject: str = ""
    model: bool = False


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job. `progress` is 0 to 1."""

    id: str
    tenant: str = ""
    name: str
    spec: JobSpec = JobSpec()
    state: JobState
    created_at: datetime
    created_by: str
    attempt: int = 0
    run_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cancel_requested: bool = False
    progress: float = 0.0
    message: str = ""
    metrics: Mapping[str, JsonNumber] = {}
    error: str = ""
    report: dict[str, object] = {}
    output: str | None = None
    revision: int = 1

    @property
    def ended(self) -> bool:
        return self.state in ENDED


class JobEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a job's progress. `at` is Unix time in nanoseconds, `progress` 0 to 1; metrics may carry a step."""

    at: int
    progress: float | None = None
    message: str = ""
    metrics: Mapping[str, JsonNumber] = {}
    step: int | None = None


class Training(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to train: a recipe, or your own code (the digest of an uploaded tree, and its entry script).

    `datasets` maps the names of the job's input directories to references ("digits", "digits@3").
    """

    recipe: str | None = None
    code: str | None = None
    entry: str | None = None
    name: str = ""
    datasets: Mapping[str, str] = {}
    parameters: Mapping[str, object] = {}
    environment: EnvironmentSpec | None = None
    resources: Resources | None = None
    model: str | None = None
    convert: tuple[str, ...] | None = None
    timeout_s: float = 3600.0
    max_attempts: int = 1


class Convert(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to convert a version to another format. `tolerance` is the largest absolute difference allowed between
    the outputs of parent and child."""

    to: str
    tolerance: float = 1e-5


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs that measure a version's gates, and the ids of those that were already running."""

    items: tuple[Job, ...]
    running: tuple[str, ...] = ()
