"""The job process: `python -m bms.app.job CONFIG.json` (`core.programs.JobConfig`) runs one attempt of a job.

The result is written last and whole: where there is one, the attempt came to its end, and the result says how.
"""

import atexit
import logging
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec

from bms.adapters.toolkits.job_context import JobCancelled, enter
from bms.app.job import entry as job_entry
from bms.app.job import errors as job_errors
from bms.app.job.checkpoint import place_checkpoint
from bms.app.process import startup as process
from bms.core.clock import SystemClock
from bms.core.errors import BmsError, InvalidArgument
from bms.core.formats.json_numbers import json_ready
from bms.core.workloads.programs import TASK, JobConfig, JobResult
from bms.jobs.job import Job
from bms.serving.inference.reasons import reason

CANCELLED = "cancelled"
CANCEL_CHANCE_S = 5.0  # to clean up after SIGTERM, before the attempt is ended from another thread
MAX_RESULT = 4 * 2**20
MAX_ERROR = 4000  # as much as a version's reason holds
NO_MODEL = (
    "a version was to be made of its model, and it left none: save it by `job.save_model(model)`, or write its files "
    "into `job.model_directory` (output/model)"
)
EXIT_FAILED, EXIT_UNWRITTEN, EXIT_CANCELLED = 1, 74, 143


class ResultWriter:
    """Writes the attempt's one result, whichever thread is first: the main thread, or the one that waits for it after
    SIGTERM."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "result.json"
        self._path.unlink(missing_ok=True)
        self._lock = threading.Lock()
        self.job: Job | None = None
        self.reached = False  # by the main thread: nothing is to be cancelled any more
        self.asked = False  # by SIGTERM, before that

    def end(self, result: JobResult) -> NoReturn:
        """Writes the result and leaves at once: threads that still run, and libraries that crash when they are torn
        down, must not change a result that is written."""
        self._lock.acquire()  # and never released: the other one is too late
        metrics = self.job.last_metrics() if self.job else {}
        result, content = _encoded(msgspec.structs.replace(result, metrics=metrics))
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            process.write_durably(self._path, content)
        except OSError:
            traceback.print_exc()
            os._exit(EXIT_UNWRITTEN)
        os._exit(0 if result.state == "succeeded" else EXIT_CANCELLED if result.error == CANCELLED else EXIT_FAILED)


def main() -> NoReturn:
    config, places = process.begin(JobConfig, sys.argv)
    sealed = process.stdin_secrets()
    directory = Path(places.directory)
    for name in ("output", "work"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    place_checkpoint(directory / "checkpoint", places.checkpoint)
    ending = ResultWriter(directory)
    process.redirect_output(directory / "job.log")
    os.chdir(directory / "work")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    ending.job = Job(config, places, SystemClock(), sealed)
    enter(ending.job)
    try:
        _take_cancellation(ending)
        result = attempt(config, places.code, ending.job)
        atexit._run_exitfuncs()  # what the code wants done at its end belongs to the attempt
        ending.reached = True
        # Whoever takes all that a model may raise for the model's fault took the cancellation for it, too.
        if ending.asked and (result.state == "failed" or config.entry.startswith(TASK)):
            result = JobResult(state="failed", error=CANCELLED)
    except JobCancelled:
        result = JobResult(state="failed", error=CANCELLED)
    ending.end(result)


def attempt(config: JobConfig, code: str | None, job: Job) -> JobResult:
    """Runs the entry, from `code` unless it is a task, and returns how it ended; the traceback of a failure goes to the
    log."""
    try:
        return _done(config, job, _report(job_entry.run(config.entry, code, job)))
    except JobCancelled:
        raise
    except SystemExit as leaving:
        if leaving.code in (None, 0):
            return _done(config, job, {})
        message = leaving.code if isinstance(leaving.code, str) else f"it exited with status {leaving.code}"
        return JobResult(state="failed", error=message[:MAX_ERROR])
    except BaseException as error:  # noqa: BLE001 - whatever a tenant's code raises is how the attempt ended
        own = None if code is None or config.entry.startswith(TASK) else str(Path(code).resolve())
        if own is None:
            traceback.print_exc()
        else:
            job_errors.print_own(error, own)
        return JobResult(state="failed", error=_one_line(error, own))


def _done(config: JobConfig, job: Job, report: dict[str, object]) -> JobResult:
    """The result of an attempt whose code returned: failed if the model that was asked for is not there."""
    if config.model and not any(path.is_file() for path in (job.output / "model").rglob("*")):
        print(NO_MODEL, file=sys.stderr)
        return JobResult(state="failed", error=NO_MODEL)
    return JobResult(state="succeeded", report=report)


def _take_cancellation(ending: ResultWriter) -> None:
    """Handles SIGTERM: raises JobCancelled in the main thread. Deep inside a library that may go unnoticed, so a second
    thread, woken by the interpreter itself, ends the attempt when the main thread has not done so in time."""

    def cancel(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if not ending.reached:
            ending.asked = True
            raise JobCancelled

    woken, wake = os.pipe()
    os.set_blocking(wake, False)

    def end_in_time() -> None:
        while os.read(woken, 1) != bytes([signal.SIGTERM]):
            pass
        threading.Event().wait(CANCEL_CHANCE_S)
        ending.end(JobResult(state="failed", error=CANCELLED))

    signal.signal(signal.SIGTERM, cancel)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    threading.Thread(target=end_in_time, name="cancellation", daemon=True).start()


def _report(answer: object) -> dict[str, object]:
    """The report in JSON's own types. Raises InvalidArgument."""
    if answer is None:
        return {}
    try:
        plain = msgspec.to_builtins(answer, enc_hook=_plain, str_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"main returned a value that JSON can't hold: {error}") from None
    if not isinstance(plain, dict):
        raise InvalidArgument(f"main returned a {type(answer).__name__}: expected a dictionary or None")
    return {name: json_ready(value) for name, value in plain.items()}


def _plain(value: object) -> object:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays, and what behaves like them
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} is none of JSON's kinds")


def _encoded(result: JobResult) -> tuple[JobResult, bytes]:
    """The result and its encoding; a failure in its place when that is too large."""
    content = msgspec.json.encode(result)
    if len(content) > MAX_RESULT:
        error = (
            f"its report has {len(content)} bytes, more than {MAX_RESULT}: put large things into files of its output"
        )
        result = JobResult(state="failed", error=error, metrics=result.metrics)
        content = msgspec.json.encode(result)
    return result, content


def _one_line(error: BaseException, code: str | None) -> str:
    """The error on one line. `code` is the folder of the tenant's own code."""
    if isinstance(error, BmsError):
        return error.message[:MAX_ERROR]
    return reason(error) if code is None else job_errors.error_message(error, code)
