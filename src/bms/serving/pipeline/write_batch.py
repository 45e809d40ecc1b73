"""The end of a loop turn: first the books, with one write for all, then the answers they are for."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol

from bms.core.errors import BmsError
from bms.core.usage import Quantities
from bms.serving.traffic.metering import Usage, UsageJournal


class ExchangeAnswer(NamedTuple):
    """What an exchange gives its client: a body in its protocol's own form, and what else its protocol must know."""

    body: bytes
    content_type: bytes = b""
    headers: bytes = b""  # whole lines
    more: Quantities = ()  # what it is billed by beside what every request is


class PendingAnswer(Protocol):
    """Whose answer waits for the books."""

    def deliver(self, answer: ExchangeAnswer) -> None: ...

    def deliver_error(self, error: BmsError) -> None: ...


class WriteBatch:
    """Gathers the answers of dispatched requests until the loop comes round.

    Where the books cannot be written, every answer of the turn becomes that error, and nothing is billed.
    """

    def __init__(self, books: UsageJournal, soon: Callable[[Callable[[], object]], object] | None = None) -> None:
        self._books = books
        self._soon = soon or asyncio.get_running_loop().call_soon
        self._usages: list[Usage] = []
        self._ends: list[tuple[PendingAnswer, ExchangeAnswer | BmsError | None]] = []

    def add(self, usage: Usage, settled: PendingAnswer, answer: ExchangeAnswer | BmsError | None) -> None:
        """`answer` None: the client is gone, only the books are left to write."""
        if not self._ends:
            self._soon(self.close)
        self._usages.append(usage)
        self._ends.append((settled, answer))

    def close(self) -> None:
        """Writes the books and gives the answers."""
        ends, self._ends = self._ends, []
        usages, self._usages = self._usages, []
        if not ends:
            return
        try:
            self._books.write(usages)
        except BmsError as error:
            for settled, answer in ends:
                if answer is not None:
                    settled.deliver_error(error)
            return
        for settled, answer in ends:
            if isinstance(answer, ExchangeAnswer):
                settled.deliver(answer)
            elif answer is not None:
                settled.deliver_error(answer)
