"""Checks the content types of bodies at the gateway's paths, once for each head."""

from bms.core.errors import UnsupportedMedia

# JSON by name; what clients say of bytes of any kind, or of text, or nothing; and what curl says of whatever it sends.
_AS_JSON = frozenset(
    (
        b"", b"application/json", b"text/json", b"text/plain", b"application/octet-stream",
        b"application/x-www-form-urlencoded",
    )
)  # fmt: skip
_ROWS = frozenset((b"text/csv", b"image/png", b"image/jpeg", b"image/webp"))
_TABLES = frozenset((b"text/csv",))
_MORE = {
    **dict.fromkeys(("predict", "explain", "classify"), _ROWS),
    **dict.fromkeys(("regress", "invocations"), _TABLES),
}


def check_media(action: str, content_type: bytes | None) -> None:
    """Raises UnsupportedMedia for a body of a type that is not read at this path."""
    if content_type is None:
        return
    kind = content_type.partition(b";")[0].strip().lower()
    if kind in _AS_JSON or kind.endswith(b"+json") or kind in _MORE.get(action, ()):
        return
    read = ", ".join(["application/json", *sorted(each.decode() for each in _MORE.get(action, ()))])
    raise UnsupportedMedia(f"a body of {kind[:80].decode('latin-1')!r} is not read here: send one of {read}")
