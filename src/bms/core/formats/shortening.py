"""Shortens long texts at the end of a word, with a sign that there was more. Pure."""


def shortened(text: str, length: int) -> str:
    """Returns `text` in at most `length` characters. Its end is cut off, since a cause comes first."""
    if len(text) <= length:
        return text
    kept = text[: length - 1]
    if not text[length - 1].isspace():
        whole = kept.rsplit(maxsplit=1)[0] if len(kept.split(maxsplit=1)) > 1 else kept
        kept = whole if len(whole) > length // 2 else kept  # one endless word is cut where it stands
    return kept.rstrip() + "…"
