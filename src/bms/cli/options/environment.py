"""The options that say which packages to install, as an environment spec."""

from collections.abc import Sequence
from pathlib import Path

from bms.core.errors import InvalidArgument
from bms.core.formats.requirement_lines import parse_lock, parse_requirements
from bms.sdk.nouns.signatures import EnvironmentSpec


def environment_given(
    requirements: Sequence[str] | None = None,
    lock: Path | None = None,
    index: str = "",
    python: str | None = None,
    requirements_file: Path | None = None,
) -> EnvironmentSpec | None:
    """The environment spec that the options make; None where none was given. Raises InvalidArgument for a file that
    can't be read or used."""
    if not (requirements or lock or index or python or requirements_file):
        return None
    listed = () if requirements_file is None else parse_requirements(_text(requirements_file))
    return EnvironmentSpec(
        requirements=(*listed, *(requirements or ())),
        python=python,
        lock=() if lock is None else parse_lock(_text(lock)),
        index=index,
    )


def _text(path: Path) -> str:
    try:
        return path.expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"{path} can't be read: {error}") from None
