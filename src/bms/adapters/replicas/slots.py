"""An allocator for a fixed stretch of memory: first fit, and neighbours that are free are merged."""

_ALIGNED = 64  # bytes: a cache line, and what vector instructions like


class Slots:
    """The allocated ranges of offsets below `size`. Freeing what is not in use raises KeyError."""

    def __init__(self, size: int) -> None:
        self._free = [(0, size)]  # (start, end), in order, none touching the next
        self._used: dict[int, int] = {}

    def __len__(self) -> int:
        """Stretches in use."""
        return len(self._used)

    def take(self, size: int) -> int | None:
        """Allocates `size` bytes; returns their start, None where no stretch is as long."""
        needed = -(-max(size, 1) // _ALIGNED) * _ALIGNED
        for place, (start, end) in enumerate(self._free):
            if end - start >= needed:
                if end - start == needed:
                    del self._free[place]
                else:
                    self._free[place] = (start + needed, end)
                self._used[start] = start + needed
                return start
        return None

    def give_back(self, start: int) -> None:
        end = self._used.pop(start)
        place = next((at for at, (other, _) in enumerate(self._free) if other > start), len(self._free))
        if place < len(self._free) and self._free[place][0] == end:
            end = self._free.pop(place)[1]
        if place and self._free[place - 1][1] == start:
            place -= 1
            start = self._free.pop(place)[0]
        self._free.insert(place, (start, end))
