"""`bms job`: training and other programs that run to completion."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from bms.cli.command import CommandSession, command, noun
from bms.cli.options.durations import parse_duration
from bms.cli.options.environment import environment_given
from bms.cli.options.resources import JobCpu, JobGpu, JobMemory, resources_given
from bms.cli.options.values import parse_values
from bms.cli.options.version import detected
from bms.cli.output.log_text import log_writer
from bms.cli.output.writing import write_pieces
from bms.core.workloads.resources import size_text
from bms.sdk.jobs import Job
from bms.sdk.models import Version

app = noun("Training and other programs that run to completion.")
Id = Annotated[str, typer.Argument(help="The job's id.")]


@command(app)
def train(
    session: CommandSession,
    recipe: Annotated[str | None, typer.Option(help="A ready-made program: `bms job recipes`.")] = None,
    code: Annotated[Path | None, typer.Option(help="A directory of your own code; with --entry.")] = None,
    entry: Annotated[str | None, typer.Option(help="The script in --code to run.")] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(help="A data set, like digits or digits@3, or INPUT=digits; repeatable.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Register the result as a version of this model.")] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            "-p",
            help="NAME=VALUE; repeatable. Values are JSON; what is no JSON, such as a bare word, is a text.",
        ),
    ] = None,
    requirement: Annotated[list[str] | None, typer.Option(help="A package the code needs; repeatable.")] = None,
    requirements_file: Annotated[
        Path | None, typer.Option(help="A requirements.txt that says what the code needs.")
    ] = None,
    lock: Annotated[Path | None, typer.Option(help="A lock file: exact versions with hashes.")] = None,
    index: Annotated[str, typer.Option(help="The name of one of the operator's package indexes.")] = "",
    python: Annotated[str | None, typer.Option(help="A Python version, like 3.11; else the platform's.")] = None,
    name: Annotated[str, typer.Option(help="What to call the job.")] = "",
    cpu: JobCpu = None,
    memory: JobMemory = None,
    gpu: JobGpu = None,
    timeout: Annotated[str, typer.Option(help="How long it may run, like 90s, 15m or 12h.")] = "1h",
    attempts: Annotated[int, typer.Option(help="How often the job may be attempted.")] = 1,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Show progress until it ends.")] = True,
) -> None:
    """Train a model by a recipe, or by code of your own; with --model, wait until the version it produces is verified.

    Code of your own has a function `main(job)` in the file --entry, which reads its data by `job.dataset()` and saves
    what it made by `job.save_model(model)`: see docs/training.md. That becomes the version.
    """
    job = session.client.jobs.train(
        recipe=recipe,
        code=code,
        entry=entry,
        datasets=dict(_dataset(text) for text in dataset or ()),
        model=model,
        parameters=parse_values(parameter or ()),
        environment=environment_given(requirement, lock, index, python, requirements_file),
        name=name,
        resources=resources_given(cpu, memory, gpu) or None,
        timeout_s=parse_duration(timeout),
        max_attempts=attempts,
    )
    if wait:
        job = _wait(session, job.id)
    _show(session, job)
    if wait and model is not None:
        version = _verified(session, model, job.id)
        session.out.say(f"version {version.number} of {model}: {detected(version)}\nnext: bms deploy {model}")


@command(app)
def recipes(session: CommandSession) -> None:
    """List the ready-made training programs."""
    session.out.many(
        session.client.jobs.recipes(),
        {"NAME": lambda one: one.name, "": lambda one: one.title, "PARAMETERS": lambda one: one.parameters},
        "no recipes",
    )


@command(app, "list")
def list_(
    session: CommandSession,
    state: Annotated[str | None, typer.Option(help="Only those queued, running, succeeded, failed …")] = None,
    kind: Annotated[str | None, typer.Option(help="Only train, verify, convert, evaluate, import …")] = None,
) -> None:
    """List jobs, newest first."""
    session.out.many(
        session.client.jobs.list(state=state, kind=kind),
        {
            "ID": lambda job: job.id,
            "NAME": lambda job: job.name,
            "STATE": lambda job: job.state,
            "DONE": lambda job: f"{job.progress:.0%}",
            "MADE": lambda job: job.created_at,
            "": lambda job: job.error or job.message,
        },
        "no jobs",
    )


@command(app)
def show(session: CommandSession, id: Id) -> None:
    """Show one job."""
    _show(session, session.client.jobs.get(id))


@command(app)
def wait(session: CommandSession, id: Id) -> None:
    """Show progress until a job ends. Exit status 5 unless it succeeded."""
    _show(session, _wait(session, id))


@command(app)
def log(
    session: CommandSession,
    id: Id,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until it ends.")] = False,
) -> None:
    """Print a job's output."""
    write = log_writer()
    for piece in session.client.jobs.log(id, follow=follow):
        write(piece)


@command(app)
def output(
    session: CommandSession,
    id: Id,
    to: Annotated[Path | None, typer.Option(help="Write them to this directory; without it they are listed.")] = None,
) -> None:
    """List the files that a job made: what it left in `job.output`."""
    files = session.client.jobs.output(id)
    if to is None:
        columns = {"FILE": lambda file: file.path, "SIZE": lambda file: size_text(file.size)}
        session.out.many(files, columns, "no files")
        return
    with session.out.progress("downloading") as bar:
        for index, file in enumerate(files):
            bar(index / len(files), file.path)
            write_pieces(to / file.path, session.client.jobs.download(id, file.path))
    session.out.say(f"{len(files)} files in {to}", files)


@command(app)
def cancel(session: CommandSession, id: Id) -> None:
    """Cancel a job for good."""
    job = session.client.jobs.cancel(id)
    session.out.say(f"job {job.id} is being cancelled" if not job.ended else f"job {job.id} is {job.state}", job)


@command(app)
def retry(session: CommandSession, id: Id) -> None:
    """Repeat an ended job, as a new one."""
    job = session.client.jobs.retry(id)
    session.out.say(f"job {job.id} repeats it", job)


def _wait(session: CommandSession, id: str) -> Job:
    with session.out.progress(f"job {id}") as bar:
        return session.client.jobs.wait(id, lambda seen: bar(seen.progress, f"{seen.state}: {seen.message}"))


def _verified(session: CommandSession, model: str, job: str) -> Version:
    with session.out.progress(f"verifying the version of {model}") as bar:
        return session.client.models.wait_made(model, job, lambda seen: bar(None, seen.state))


def _show(session: CommandSession, job: Job) -> None:
    session.out.one(
        job,
        {
            "job": job.id,
            "name": job.name,
            "state": job.state,
            "done": f"{job.progress:.0%}",
            "": job.message,
            "error": job.error,
            "metrics": job.metrics,
            **_compared(job.report),
            "attempt": job.attempt,
            "made": job.created_at,
            "ended": job.ended_at,
            "log": f"bms job log {job.id}",
        },
    )


def _compared(report: Mapping[str, object]) -> dict[str, str]:
    """What the proof of a conversion compared; nothing of other jobs."""
    rows, differences, refused = (report.get(part) for part in ("rows", "differences", "refused_by_parent"))
    if not isinstance(rows, dict) or not isinstance(differences, dict):
        return {}
    named = {"rows compared": rows, "not compared, refused by the parent": refused, "largest difference": differences}
    return {
        name: ", ".join(
            f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in one.items()
        )
        for name, one in named.items()
        if isinstance(one, dict)
    }


def _dataset(text: str) -> tuple[str, str]:
    """The name of the job's input and the data set's reference; the input is called "data" by default."""
    name, sign, reference = text.partition("=")
    return (name, reference) if sign else ("data", text)
