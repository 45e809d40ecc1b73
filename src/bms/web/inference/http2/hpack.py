"""Header compression (RFC 7541): a decoder with its dynamic table, and an encoder that needs none."""

from bms.web.inference.http2.faults import COMPRESSION_ERROR, ENHANCE_YOUR_CALM, ConnectionFault
from bms.web.inference.http2.fields import STATIC, Field
from bms.web.inference.http2.huffman import decode as huffman_decode

TABLE_SIZE = 4096  # octets, the protocol's default: we never ask for another
_ENTRY = 32  # octets that each field counts beside its own (RFC 7541, section 4.1; RFC 9113, section 10.5.1)
_STATICS = len(STATIC)
_NAMES = {name: index for index, (name, _) in reversed(tuple(enumerate(STATIC, 1)))}
_FIELDS = {field: index for index, field in enumerate(STATIC, 1)}
_FIELDS_OVER = 16  # times the limit; a block of one octet per field costs the most to read
_MOST_SHIFT = 28  # a number has at most 5 octets after its prefix


class ListTooLarge(Exception):
    """Raised for a header list over its limit. The table is up to date nevertheless, so the connection can go on."""


class Decoder:
    """The HPACK decoder of one direction of one connection. `changes` counts the blocks that changed the table."""

    def __init__(self, list_bytes: int, list_count: int) -> None:
        self.changes = 0
        self._list_bytes = list_bytes
        self._list_count = list_count
        self._entries: list[Field] = []  # the newest is the last
        self._size = 0
        self._most = TABLE_SIZE

    def decode(self, block: bytes) -> list[Field]:
        """Decodes a block. Raises ConnectionFault for one that has no meaning, ListTooLarge for one over the limit."""
        try:
            return self._decode(block)
        except IndexError:
            raise ConnectionFault(COMPRESSION_ERROR, "a header block ends within a field") from None
        except ValueError as error:
            raise ConnectionFault(COMPRESSION_ERROR, str(error)) from None

    def _decode(self, block: bytes) -> list[Field]:
        fields: list[Field] = []
        size, at, end, changed, left = 0, 0, len(block), False, self._list_count
        while at < end:
            first = block[at]
            if first & 0x80:
                index, at = _number(block, at, 0x7F)
                field = self._field(index)
            elif first & 0xE0 == 0x20:
                if left != self._list_count:
                    raise ValueError("a table size update stands behind a field")
                most, at = _number(block, at, 0x1F)
                self._resize(most)
                changed = True
                continue
            else:
                keep = first & 0xC0 == 0x40
                index, at = _number(block, at, 0x3F if keep else 0x0F)
                if index:
                    name = self._field(index)[0]
                else:
                    name, at = _string(block, at)
                value, at = _string(block, at)
                field = (name, value)
                if keep:
                    self._add(field)
                    changed = True
            size += len(field[0]) + len(field[1]) + _ENTRY
            left -= 1
            if left < -_FIELDS_OVER * self._list_count:
                raise ConnectionFault(ENHANCE_YOUR_CALM, "a header block holds far too many fields")
            if left >= 0 and size <= self._list_bytes:
                fields.append(field)
        if changed:
            self.changes += 1
        if left < 0 or size > self._list_bytes:
            raise ListTooLarge(
                f"the head is too large: {self._list_bytes} bytes in {self._list_count} fields are taken"
            )
        return fields

    def _field(self, index: int) -> Field:
        if index <= _STATICS:
            if not index:
                raise ValueError("index 0 names no field")
            return STATIC[index - 1]
        place = index - _STATICS
        if place > len(self._entries):
            raise ValueError(f"index {index} is beyond the table")
        return self._entries[-place]

    def _add(self, field: Field) -> None:
        size = len(field[0]) + len(field[1]) + _ENTRY
        if size > self._most:
            self._entries.clear()
            self._size = 0
            return
        self._evict(self._most - size)
        self._entries.append(field)
        self._size += size

    def _resize(self, most: int) -> None:
        if most > TABLE_SIZE:
            raise ValueError(f"a table of {most} octets is larger than allowed")
        self._most = most
        self._evict(most)

    def _evict(self, most: int) -> None:
        gone = 0
        while self._size > most:
            name, value = self._entries[gone]
            self._size -= len(name) + len(value) + _ENTRY
            gone += 1
        if gone:
            del self._entries[:gone]


def _number(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """Decodes the number whose prefix is the low bits of the octet at `at`; returns it and where it ends."""
    number = block[at] & mask
    at += 1
    if number < mask:
        return number, at
    shift = 0
    while True:
        octet = block[at]
        at += 1
        number += (octet & 0x7F) << shift
        if octet < 0x80:
            return number, at
        shift += 7
        if shift > _MOST_SHIFT:
            raise ValueError("a number is too long")


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    huffman = block[at] & 0x80
    length, at = _number(block, at, 0x7F)
    end = at + length
    if end > len(block):
        raise IndexError
    data = block[at:end]
    return (huffman_decode(data) if huffman else data), end


def encode(fields: list[Field]) -> bytes:
    """Encodes a block that leaves the peer's table as it is: static entries, or literals that are not indexed."""
    return b"".join([encode_field(name, value) for name, value in fields])


def encode_field(name: bytes, value: bytes) -> bytes:
    whole = _FIELDS.get((name, value))
    if whole is not None:
        return bytes((0x80 | whole,))
    index = _NAMES.get(name)
    head = _encode_number(index, 0x0F, 0) if index is not None else b"\x00" + _encode_string(name)
    return head + _encode_string(value)


def _encode_string(data: bytes) -> bytes:
    return _encode_number(len(data), 0x7F, 0) + data


def _encode_number(number: int, mask: int, pattern: int) -> bytes:
    if number < mask:
        return bytes((pattern | number,))
    out = bytearray((pattern | mask,))
    number -= mask
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
