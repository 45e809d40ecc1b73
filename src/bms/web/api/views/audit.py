"""Converts audit entries into answers of the API."""

from bms.api_types import audit
from bms.control.audit.service import AuditEntry


def entry(one: AuditEntry) -> audit.AuditEntry:
    return audit.AuditEntry(
        number=one.number,
        name=one.name,
        subject=one.subject,
        actor=one.actor,
        at=one.at,
        details=one.details,
        subject_name=one.subject_name,
        actor_name=one.actor_name,
    )
