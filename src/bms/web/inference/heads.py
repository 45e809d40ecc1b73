"""Heads that were read before. Clients that keep a connection send the same head again and again, byte for byte; what
the parser made of it once holds for ever, so it is looked up instead of parsed."""

from bms.web.inference.request import Head, Request

LONGEST = 2048  # bytes; longer heads are parsed every time
_MOST = 4096


class Heads:
    """Bounded by `_MOST` heads: when it is full it begins anew, which costs each client one parse."""

    def __init__(self) -> None:
        self._heads: dict[bytes, Head] = {}

    def __len__(self) -> int:
        return len(self._heads)

    def find(self, data: bytes, end: int) -> Head | None:
        """The head that is the first `end` bytes of `data`, if it was remembered."""
        return self._heads.get(data[:end])

    def remember(self, data: bytes, request: Request) -> None:
        """`data` was parsed as `request` and nothing else, all of it. Remembers its head if what the parser found is
        what `find`'s caller will assume: a head that ends at the first empty line, and a body of the length it says.
        """
        head, end = request.head, data.find(b"\r\n\r\n") + 4
        if (
            3 < end <= LONGEST
            and head.length is not None
            and end + head.length == len(data)
            and head.keep_alive
            and not head.expects
            and head.version == "1.1"
        ):
            if len(self._heads) >= _MOST:
                self._heads.clear()
            self._heads[data[:end]] = head
