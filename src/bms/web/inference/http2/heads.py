"""Reads header blocks: joins them from their frames, and decodes equal ones once."""

from bms.web.inference.http2.faults import ENHANCE_YOUR_CALM, PROTOCOL_ERROR, ConnectionFault
from bms.web.inference.http2.fields import Field
from bms.web.inference.http2.head import Http2Head, read_head
from bms.web.inference.http2.hpack import Decoder
from bms.web.inference.http2.limits import Http2Limits

_READ = 4  # times the limit on header lists
_REMEMBERED = 64  # blocks
_REMEMBERED_SIZE = 4096  # bytes of each


class HeadReader:
    """Reads the header blocks of one connection. A block means the same for as long as the decoder's table is the same,
    so it is cached."""

    def __init__(self, limits: Http2Limits) -> None:
        self._limits = limits
        self._decoder = Decoder(limits.header_bytes, limits.header_count)
        self._known: dict[bytes, Http2Head] = {}
        self._parts: list[bytes] = []
        self._ends = False
        self.stream_id: int | None = None  # whose block goes on in CONTINUATION

    def begin(self, stream_id: int, part: bytes, ends: bool) -> None:
        """Begins a block that is not whole yet; `ends` says whether its stream ends with it."""
        self.stream_id, self._parts, self._ends = stream_id, [part], ends
        self.check_size(len(part))

    def add(self, part: bytes) -> None:
        """Adds a fragment. Raises ConnectionFault for a block without end (CVE-2024-27316)."""
        if self.stream_id is None:
            raise ConnectionFault(PROTOCOL_ERROR, "CONTINUATION continues nothing")
        self._parts.append(part)
        if len(self._parts) > self._limits.continuations:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "a header block comes in too many frames")
        self.check_size(sum(map(len, self._parts)))

    def finish(self) -> tuple[bytes, bool]:
        """Returns the whole block, and whether its stream ends with it."""
        self.stream_id = None
        return b"".join(self._parts), self._ends

    def check_size(self, size: int) -> None:
        """Raises ConnectionFault for a block far over the limit, which leaves the table unknown. One somewhat over it
        is read, so that its request alone is refused."""
        most = self._limits.header_bytes * _READ
        if size > most:
            raise ConnectionFault(ENHANCE_YOUR_CALM, f"a header block is larger than {most} bytes")

    def head(self, block: bytes) -> Http2Head:
        """Decodes a request's head. Raises ListTooLarge, ValueError for a malformed head, ConnectionFault for a block
        without meaning."""
        head = self._known.get(block)
        if head is None:
            changes = self._decoder.changes
            head = read_head(self._fields(block))
            if self._decoder.changes == changes and len(block) <= _REMEMBERED_SIZE:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[block] = head
        return head

    def trailers(self, block: bytes) -> list[Field]:
        """Decodes trailers. Raises as `head`. Must be called for every block, wanted or not: it may change the
        table."""
        return self._fields(block)

    def _fields(self, block: bytes) -> list[Field]:
        changes = self._decoder.changes
        try:
            return self._decoder.decode(block)
        finally:
            if self._decoder.changes != changes:
                self._known.clear()
