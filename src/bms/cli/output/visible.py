"""Makes untrusted text safe for a terminal: control characters and direction marks are shown, not executed."""

import re

_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """Replaces control characters in `text` by their Python escapes; line ends and tabs stay."""
    return _HIDDEN.sub(lambda found: ascii(found[0])[1:-1], text)


def in_one_line(text: str) -> str:
    """The same, with line ends and tabs as blanks."""
    return " ".join(part for part in re.split(r"[\r\n\t]+", visible(text.replace("\r\n", "\n"))) if part)
