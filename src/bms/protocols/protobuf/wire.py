"""The Protocol Buffers wire format, as far as answers are written, and messages walked over, by hand.

Source: https://protobuf.dev/programming-guides/encoding/
"""

_VARINT, _LENGTH = 0, 2


def varint(number: int) -> bytes:
    """Encodes a number as a varint: not negative; below 2**63."""
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, content: bytes, size: int | None = None) -> bytes:
    """Encodes a field: a string, bytes, message or packed list. With `size`, `content` may follow elsewhere."""
    return varint(number << 3 | _LENGTH) + varint(len(content) if size is None else size) + content


def varint_field(number: int, value: int) -> bytes:
    return varint(number << 3 | _VARINT) + varint(value)


def content_at(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Returns where the content of the field at `at` begins and ends: its length is a varint behind a tag of one octet.

    Raises IndexError where `data` ends before, and for a length that no message has.
    """
    size = data[at + 1]
    if size < 0x80:
        return at + 2, at + 2 + size
    size &= 0x7F
    at += 2
    shift = 7
    while True:
        octet = data[at]
        size |= (octet & 0x7F) << shift
        at += 1
        if octet < 0x80:
            return at, at + size
        shift += 7
        if shift > 28:
            raise IndexError
