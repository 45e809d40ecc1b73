"""The body of a request over HTTP/2, gathered frame by frame."""

_SMALL = 1024  # bytes: smaller pieces would cost more as objects than as bytes


class RequestBody:
    """The bytes received so far. `size` counts them."""

    __slots__ = ("_pieces", "_small", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._small = bytearray()
        self.size = 0

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if len(data) < _SMALL:
            self._small += data
        else:
            self._gather()
            self._pieces.append(data)

    def take(self) -> bytes:
        """Returns all of it and keeps nothing."""
        self._gather()
        pieces, self._pieces, self.size = self._pieces, [], 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _gather(self) -> None:
        if self._small:
            self._pieces.append(bytes(self._small))
            self._small.clear()
