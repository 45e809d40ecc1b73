"""Converts secrets into answers of the API, without their values."""

from bms.api_types.secrets import Secret
from bms.control.secrets.nouns import SecretView


def secret(one: SecretView) -> Secret:
    return Secret(
        name=one.name,
        hosts=one.hosts,
        set_at=one.set_at,
        set_by=one.set_by,
        usable=one.usable,
        revision=one.revision,
    )
