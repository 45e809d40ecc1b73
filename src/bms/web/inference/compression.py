"""Compressed request bodies: gzip and deflate, never inflated past the limit on bodies."""

import zlib

from bms.core.errors import InvalidArgument, PayloadTooLarge

_WINDOWS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 47}  # 47: told by the header, zlib (deflate on the web) or gzip


def inflate(body: bytes | memoryview, encoding: bytes, limit: int) -> bytes | memoryview:
    """Raises InvalidArgument for another encoding or damaged data, PayloadTooLarge for more than `limit` bytes."""
    encoding = encoding.strip().lower()
    if encoding in (b"", b"identity"):
        return body
    window = _WINDOWS.get(encoding)
    if window is None:
        raise InvalidArgument(f"content encoding {encoding[:40].decode('latin-1')!r} is not read: use gzip or deflate")
    inflater = zlib.decompressobj(window)
    try:
        data = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise InvalidArgument(f"the compressed body cannot be read: {error}") from None
    if len(data) > limit:
        raise PayloadTooLarge(f"the body inflates to more than {limit} bytes: send fewer rows, or binary tensors")
    if not inflater.eof or inflater.unused_data:
        raise InvalidArgument("the compressed body is not one whole stream")
    return data
