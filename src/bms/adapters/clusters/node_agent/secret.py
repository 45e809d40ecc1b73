"""Reads the file of the secret that a node agent and its controls share."""

from pathlib import Path

from bms.core.errors import FailedPrecondition


def read_secret(path: Path) -> str:
    """Reads the secret from a file. Raises FailedPrecondition saying what is wrong with it."""
    try:
        if path.stat().st_mode & 0o077:
            raise FailedPrecondition(f"others may read the secret {path}: take that right away, chmod 600")
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise FailedPrecondition(f"the secret {path} of the node agent can't be read: {why}") from None
    if not secret:
        raise FailedPrecondition(f"{path} is empty, expected the secret that the node agent wrote")
    return secret
