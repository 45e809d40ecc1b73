"""A cache of parsed request heads: clients that keep a connection send the same head again and again, byte for byte, so
it is looked up instead of parsed.

Two headers differ from request to request by their nature: a request's id, and its place in a trace. Their lines are
cut out, where they are plain, before a head is looked up.
"""

from bms.web.inference.http.request import HttpRequest, RequestHead, request_id

LONGEST = 2048  # bytes; longer heads are parsed every time
_MOST = 4096
_IDS = (b"\r\nx-request-id: ", b"\r\nX-Request-Id: ", b"\r\nX-Request-ID: ")
_TRACES = (b"\r\ntraceparent: ", b"\r\nTraceparent: ")


class Heads:
    """The cache. Bounded by `_MOST` heads: when it is full it begins anew, which costs each client one parse."""

    def __init__(self) -> None:
        self._heads: dict[bytes, RequestHead] = {}

    def __len__(self) -> int:
        return len(self._heads)

    def find(self, data: bytes, end: int) -> tuple[RequestHead, bytes | None] | None:
        """Returns the cached head that is the first `end` bytes of `data`, and the request's own id."""
        head = self._heads.get(data[:end])
        if head is not None:
            return head, None
        if end > LONGEST:
            return None
        key, id = _without_varying(data[:end])
        head = self._heads.get(key)
        return (head, id) if head is not None else None

    def remember(self, data: bytes, request: HttpRequest) -> None:
        """Caches a head, if what the parser found is what `find`'s caller will assume: `data` was parsed as `request`
        and nothing else, all of it, with a head that ends at the first empty line, and a body of the length it says."""
        head, end = request.head, data.find(b"\r\n\r\n") + 4
        if (
            3 < end <= LONGEST
            and head.length is not None
            and end + head.length == len(data)
            and head.keep_alive
            and not head.expects
            and head.version == "1.1"
            and data[0] not in b"\r\n"  # behind an empty line, the request line could be taken for a line that varies
        ):
            key, id = _without_varying(data[:end])
            if id != head.request_id or sum(name == b"x-request-id" for name, _ in head.headers) != (id is not None):
                return  # a line that stays could be one of two, of which another is cut out
            head.request_id = None  # what is kept belongs to no request
            if len(self._heads) >= _MOST:
                self._heads.clear()
            self._heads[key] = head


def _without_varying(head: bytes) -> tuple[bytes, bytes | None]:
    """Returns the head without the lines that vary, and the id in one of them. A line with anything unusual in it
    stays."""
    id = None
    for prefix in _IDS:
        head, value = _cut(head, prefix)
        if value is not None:
            id = value
            break
    for prefix in _TRACES:
        head, value = _cut(head, prefix)
        if value is not None:
            break
    return head, id


def _cut(head: bytes, prefix: bytes) -> tuple[bytes, bytes | None]:
    at = head.find(prefix)
    if at < 0:
        return head, None
    start = at + len(prefix)
    end = head.find(b"\r\n", start)
    value = request_id(head[start:end])
    return (head[:at] + head[end:], value) if value is not None else (head, None)
