"""The files by which control and the processes it starts talk: configs, results and reports. The contract of the slim
part.

Both ends share this file and nothing else. The JSON file named by a program's one argument is a `ProgramFile`: the
config that control made, which is true everywhere, and the places that the side which runs it has for it.
"""

from typing import Literal

import msgspec

from bms.core.formats.json_numbers import JsonNumber
from bms.core.tensors.preprocessing import Preprocess
from bms.core.tensors.signature import ImageFormat, Signature

ENGINES = frozenset({"remote"})  # runtimes whose models have an engine (`serving.engines`), which joins no requests


ARTIFACT = "artifact"  # the tree in which a model server finds its version's files
CODE = "code"  # the tree of a job's own code
INPUTS = "inputs/"  # begins the names of the trees that a job is given to read
CHECKPOINT = "checkpoint"  # the tree of what an earlier attempt of a job left for later ones


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The paths that a program works with, on the machine that it runs on.

    `directory` is its own, to write in; `socket` is the path that it may listen on; `trees` are read-only directories
    by the names that its spec gave them.
    """

    directory: str
    socket: str
    trees: dict[str, str] = {}

    @property
    def code(self) -> str | None:
        """The directory of a job's own code, if it has any."""
        return self.trees.get(CODE)

    @property
    def checkpoint(self) -> str | None:
        """Of a job, the directory of what an earlier attempt left to go on from, if one did."""
        return self.trees.get(CHECKPOINT)

    @property
    def inputs(self) -> dict[str, str]:
        """The directories that a job is to read, by name."""
        return {name.removeprefix(INPUTS): path for name, path in self.trees.items() if name.startswith(INPUTS)}


class ProgramFile(msgspec.Struct, frozen=True, kw_only=True):
    """The file that a program is started with: a config, e.g. a `ModelServerConfig`, and places."""

    config: msgspec.Raw
    places: Places


TASK = "task:"  # how entries of jobs begin that are the platform's own tasks (`JobConfig.entry`)


class Batching(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of dynamic batching; sizes in rows, times in seconds.

    "off": every request runs by itself. "static": a batch leaves when it has `max_rows`, or when its oldest request
    has waited `max_wait_s`, or at once where that is 0 and the model is free. "adaptive": as much as keeps the time
    from arrival to answer within `objective_s` for nearly all requests. `max_rows` 1 switches off, too.

    `sizes`, ascending, are the only numbers of rows that may run; what is less is filled up to the next one. The
    largest takes the place of `max_rows`. Empty: any number may run.
    """

    policy: Literal["off", "static", "adaptive"] = "static"
    max_rows: int = 64
    max_wait_s: float = 0.0
    objective_s: float = 0.1
    sizes: tuple[int, ...] = ()

    @property
    def rows_together(self) -> int:
        """How many rows of several requests may run together; 1: none."""
        return 1 if self.policy == "off" else self.sizes[-1] if self.sizes else self.max_rows


class StdinSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """The secrets that control hands to a workload's process by its standard input, at its start, and stores nowhere.

    `token` is what a model server asks of whoever connects to it; `secrets` are the tenant's that its model names;
    `upstreams` is what the operator allows models to reach beside public addresses (`core.upstreams`); `network`
    whether the process may use the network at all.
    """

    token: bytes = b""
    secrets: dict[str, str] = {}
    upstreams: tuple[str, ...] = ()
    network: bool = False

    def __repr__(self) -> str:
        return f"Sealed({', '.join(self.secrets)})"  # names alone: this may end up in a log


class ServableConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The config by which one version is loaded: used by model servers, verification and evaluation."""

    runtime: str  # name in the runtimes' list: "onnx", "sklearn"; empty: recognise (verification only)
    directory: str = ""  # the unpacked artifact; filled in by the process that loads, never in what control writes
    model: str
    version: int
    signatures: dict[str, Signature] = {}  # empty: infer (verification only)
    proved: bool = False  # a verification found these signatures: they are not proved anew
    compared: bool = False  # its rows are compared with a parent's in batches: it may answer all synthetic ones alike
    preprocess: Preprocess | None = None
    threads: int = 1
    allow_pickle: bool = False
    share_weights: bool = False  # have large weights in memory once for all processes that serve them, where possible
    sealed: StdinSecrets = StdinSecrets()  # filled in by the process that loads, never in what control writes


class ModelServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The config of `bms.app.model_server`. It loads what lies in its tree ARTIFACT, and listens on the socket of its
    places and nowhere else, with frames (protocols/frames)."""

    replica: str
    servable: ServableConfig
    batching: Batching = Batching()
    warmup_runs: int = 3
    drain_s: float = 10.0


class ServableStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A model server's report of itself (frame STATUS)."""

    replica: str
    state: Literal["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]
    started_at: int  # Unix nanoseconds
    error: str = ""
    requests: int = 0
    rows: int = 0
    batches: int = 0
    errors: int = 0
    in_flight: int = 0
    compute_ns: int = 0
    memory: int = 0  # resident bytes
    metrics: str = ""  # Prometheus text


class JobConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The config of `bms.app.job`: runs `entry` and writes its events and outputs below the directory of its places.

    `entry` is either "task:NAME", one of the platform's own tasks, or the path of a script in the tree CODE. Its inputs
    are the trees whose names begin with INPUTS.
    Files written: `events.jsonl` (one JobEvent a line), `job.log` (its stdout and stderr), `output/` (what it made),
    `checkpoint/` (what its next attempt is to go on from; it finds what the last one left), and, last of all,
    `result.json` (one JobResult, renamed into place). `model`: a version is to be made of what lies in `output/model`,
    and an attempt that leaves nothing there has failed.
    """

    job: str
    attempt: int
    entry: str
    parameters: dict[str, object] = {}
    threads: int = 1
    model: bool = False


class JobEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a job's progress. `progress` is 0 to 1; metrics may carry a step."""

    at: int  # Unix nanoseconds
    progress: float | None = None
    message: str = ""
    metrics: dict[str, JsonNumber] = {}
    step: int | None = None


class JobResult(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended, as the job reports it. `report` is the task's answer (e.g. a verification's findings)."""

    state: Literal["succeeded", "failed"]
    error: str = ""
    metrics: dict[str, JsonNumber] = {}
    report: dict[str, object] = {}


class Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file `bms.json`, in which an artifact describes itself; what its uploader says counts more.

    A signature may leave its outputs out: they are found by running the model on an example. `batched` is about all of
    them: false where rows never share a run, whatever was proved; true where the version is refused unless that is
    proved; None: as it is proved. `max_batch_size` is about the batched ones, `formats` are of inputs, by name.
    """

    runtime: str = ""
    signatures: dict[str, Signature] = {}
    batched: bool | None = None
    max_batch_size: int = 0
    formats: dict[str, ImageFormat] = {}
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    python: str | None = None
    metadata: dict[str, str] = {}


class Recognised(msgspec.Struct, frozen=True, kw_only=True):
    """The result of recognising an artifact, by content with nothing of it executed: what it is and what it needs to
    run.

    `requirements` are all that its environment is to hold, resolved under `lock` where there is one; `at_home`: the
    platform's own environment will do.
    """

    runtime: str
    format: str  # e.g. "onnx", "skops", "saved_model"
    requirements: tuple[str, ...] = ()
    lock: tuple[str, ...] = ()
    python: str | None = None
    at_home: bool = False
    description: Description = Description()


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """The findings of "task:verify" from loading a version and running an example."""

    signatures: dict[str, Signature]
    memory: int  # resident bytes after the run, above the empty process
    load_ns: int
    infer_ns: int  # median of single-row runs
    format: str  # recognised by content, e.g. "onnx", "skops"
    unread: tuple[str, ...] = ()  # `PartlyRead` keys of the artifact
    apart: dict[str, str] = {}  # by signature: why its rows don't share runs, where their shapes would allow it
    streaming: tuple[str, ...] = ()  # the signatures that answer part by part


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """The report of "task:verify". Without `verified`: the model needs another environment than the task ran in."""

    recognised: Recognised | None = None  # None: it was known before
    verified: VerifyReport | None = None
