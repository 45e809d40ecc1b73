"""The wire format of protocol buffers, as far as answers are written by hand.

Source: https://protobuf.dev/programming-guides/encoding/
"""

_VARINT, _LENGTH = 0, 2


def varint(number: int) -> bytes:
    """Not negative; below 2**63."""
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, content: bytes, size: int | None = None) -> bytes:
    """A string, bytes, message or packed list. With `size`, `content` may follow elsewhere."""
    return varint(number << 3 | _LENGTH) + varint(len(content) if size is None else size) + content


def varint_field(number: int, value: int) -> bytes:
    return varint(number << 3 | _VARINT) + varint(value)
