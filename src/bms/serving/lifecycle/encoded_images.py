"""Small encoded images, to try models that decode JPEG or PNG by themselves."""

import struct
import zlib
from base64 import b64decode

# 8 × 8 colour images of three contents: one colour, a gradient, a diagonal. All have the same head.
_HEAD = b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAKBueIx4ZKCMgoy0qqC+8P//8Nzc8P//////////////////////////////////////////////////////////"
    "2wBDAaq0tPDS8P//////////////////////////////////////////////////////////////////////////////wAARCAAIAAgDASIAAhEBAxEB/8QA"
)
_TAILS = (
    "FQABAQAAAAAAAAAAAAAAAAAAAAL/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFQEBAQAAAAAAAAAAAAAAAAAAAAP/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oA"
    "DAMBAAIRAxEAPwCQBR//2Q==",
    "FAABAAAAAAAAAAAAAAAAAAAAAP/EABUQAQEAAAAAAAAAAAAAAAAAAAAT/8QAFAEBAAAAAAAAAAAAAAAAAAAAAP/EABQRAQAAAAAAAAAAAAAAAAAAAAD/2gAM"
    "AwEAAhEDEQA/AEQAf//Z",
    "FQABAQAAAAAAAAAAAAAAAAAAAAP/xAAaEAABBQEAAAAAAAAAAAAAAAAAMTJxcrHh/8QAFAEBAAAAAAAAAAAAAAAAAAAAAP/EABQRAQAAAAAAAAAAAAAAAAAA"
    "AAD/2gAMAwEAAhEDEQA/AJOtvdlQAH//2Q==",
)
JPEGS = tuple(_HEAD + b64decode(tail) for tail in _TAILS)


def png(rows: bytes, width: int, height: int) -> bytes:
    """Encodes a PNG (RFC 2083) of 8-bit colour pixels; `rows` are R G B from the top left."""
    step = 3 * width
    lines = b"".join(b"\0" + rows[at : at + step] for at in range(0, step * height, step))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    made = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


PNGS = tuple(
    png(bytes((place * step + shift) % 256 for place in range(3 * 8 * 8)), 8, 8)
    for step, shift in ((0, 90), (1, 0), (37, 11))
)
