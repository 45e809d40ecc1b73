"""The view of a data set's version: what is in it, its columns, and what its import detected and doubted."""

import msgspec

from bms.cli.command import CommandSession
from bms.core.workloads.resources import size_text
from bms.sdk.datasets import ColumnFound, DatasetVersion, ImportReport

_UNDERSTOOD = ("understood",)


def show_version(session: CommandSession, version: DatasetVersion) -> None:
    """Prints a version; as JSON with its `report` once it is imported."""
    ready = version.state == "ready"
    report = session.client.datasets.report(version.dataset, version.number) if ready else None
    if session.out.json:
        told = {} if report is None else {"report": report}
        session.out.raw({**msgspec.to_builtins(version), **told})
        return
    source = version.request.source
    session.out.one(
        version,
        {
            "data set": version.reference,
            "state": version.state,
            "why": version.reason,
            "format": source.format or source.sample,
            "rows": {part: split.rows for part, split in version.splits.items()},
            "classes": version.labels,
            "size": size_text(version.size),
            "job": version.job,
        },
    )
    if report is not None:
        _show_report(session, report)


def _show_report(session: CommandSession, report: ImportReport) -> None:
    session.out.say("")
    session.out.many(
        report.columns,
        {"COLUMN": lambda one: one.name, "KIND": _kind, "MISSING": lambda one: one.missing or ""},
        "no columns",
    )
    session.out.say("")
    findings = sorted(report.findings, key=lambda one: one.kind not in _UNDERSTOOD)
    session.out.many(
        findings,
        {"FINDING": lambda one: one.kind, "COLUMN": lambda one: one.feature, "": lambda one: one.message},
        "nothing was doubtful",
    )


def _kind(column: ColumnFound) -> str:
    return column.kind + (f" {list(column.shape)}" if column.shape else "")
