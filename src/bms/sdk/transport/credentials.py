"""Checks the API key that a client sends; no message ever shows it."""

from bms.core.errors import InvalidArgument


def clean_key(key: str | None) -> str | None:
    """`key` without the white space around it, which files and clipboards add. Raises InvalidArgument, in words that
    show nothing of it, for what can't be a key."""
    if key is None:
        return None
    if not isinstance(key, str):
        raise InvalidArgument(f"the key is a {type(key).__name__}, expected its text, bmsk_…")
    word = key.strip()
    if not word:
        raise InvalidArgument("the key is empty: expected its text, bmsk_…, or none at all")
    wrong = next((letter for letter in word if not "!" <= letter <= "~"), None)
    if wrong is None:
        return word
    if wrong.isascii():
        what = "a blank" if wrong == " " else "a line break or another control character"
        raise InvalidArgument(f"the key holds {what}: expected one word, bmsk_…, as it was shown when it was made")
    raise InvalidArgument(
        f"the key holds {wrong!r}, which no key does: if this is an example's text, put your key in place of it"
    )
