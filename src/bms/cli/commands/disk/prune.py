"""`bms prune`: jobs and events that are older than they are to be kept."""

from collections import Counter
from typing import Annotated

import msgspec
import typer

from bms.cli.command import CommandSession, command
from bms.cli.options.durations import period_text
from bms.sdk.system import ExpiredRecords, Retention

app = typer.Typer(add_completion=False)


@command(app)
def prune(
    session: CommandSession,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Remove jobs and events that are older than they are to be kept, now and not within the hour. For the operator.

    `bms up --keep-jobs 90d --keep-events 400d` says how long that is. Logs and outputs go with their jobs.
    """
    found = session.client.system.expired() if dry_run else _pruned(session)
    session.out.many(
        found.expired,
        {
            "WOULD GO" if dry_run else "REMOVED": lambda each: f"{each.count} {each.kind}",
            "TENANT": lambda each: each.tenant,
            "FROM BEFORE": lambda each: each.before,
        },
        f"nothing is older: jobs are kept {period_text(found.keep_jobs_s)}, events {period_text(found.keep_events_s)}",
    )


def _pruned(session: CommandSession) -> Retention:
    """What several requests removed together."""
    counts: Counter[tuple[str, str]] = Counter()
    newest: dict[tuple[str, str], ExpiredRecords] = {}
    while True:
        found = session.client.system.prune()
        for each in found.expired:
            counts[each.kind, each.tenant] += each.count
            newest[each.kind, each.tenant] = each
        if not found.more:
            expired = tuple(msgspec.structs.replace(each, count=counts[key]) for key, each in newest.items())
            return msgspec.structs.replace(found, expired=expired)
