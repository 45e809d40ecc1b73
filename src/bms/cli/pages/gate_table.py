"""Waits for a version's gates with a progress bar, and prints them as a table."""

from collections.abc import Sequence

from bms.cli.command import CommandSession
from bms.cli.options.gates import bound_text
from bms.sdk.models import GateStanding


def measured(session: CommandSession, model: str, number: int, jobs: Sequence[str] = ()) -> tuple[GateStanding, ...]:
    """Waits until no gate is being measured: jobs, and the environments built for them, have limits of their own."""
    with session.out.progress(f"measuring the gates of version {number}") as bar:

        def show(found: tuple[GateStanding, ...]) -> None:
            left = [one for one in found if one.state == "measuring"]
            share = 1 - len(left) / len(found) if found else None
            bar(share, ", ".join(f"{one.metric} on {one.dataset}" for one in left))

        return session.client.models.wait_gates(model, number, show, jobs=jobs, timeout_s=None)


def show_gates(session: CommandSession, model: str, standings: Sequence[GateStanding]) -> None:
    session.out.many(
        standings,
        {
            "GATE": lambda one: f"{one.metric} {bound_text(one)}",
            "STATE": lambda one: one.state,
            "VALUE": lambda one: None if one.result is None else one.result.value,
            "DATA": lambda one: f"{one.dataset if one.result is None else one.result.dataset} {one.split}",
            "JOB": lambda one: "" if one.result is None else one.result.tried or one.result.job,
            "WHY": _why,
        },
        f"{model} has no gates: `bms model gates {model} --set 'accuracy:DATASET:validation>=0.9'`",
    )


def _why(standing: GateStanding) -> str:
    """Why it is not passed, or could not be measured again; else what was held against what."""
    result = standing.result
    return (result.reason if result is not None else "") or standing.why or ("" if result is None else result.note)
