"""The write batch: at the end of a loop turn all usage events go to the journal in one write, then the answers they are
for are sent."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol

from bms.core.errors import BmsError
from bms.core.usage import Quantities
from bms.serving.traffic.metering import Usage, UsageJournal


class ExchangeAnswer(NamedTuple):
    """An encoded answer: a body in its protocol's form, and what else the protocol must know."""

    body: bytes
    content_type: bytes = b""
    headers: bytes = b""  # whole lines
    more: Quantities = ()  # what it is billed by beside what every request is


class PendingAnswer(Protocol):
    """An exchange whose answer waits for the journal."""

    def deliver(self, answer: ExchangeAnswer) -> None: ...

    def deliver_error(self, error: BmsError) -> None: ...


class WriteBatch:
    """Collects the answers and usage events of one turn of the event loop.

    Where the journal can't be written, every answer of the turn becomes that error, and nothing is billed.
    """

    def __init__(self, journal: UsageJournal, soon: Callable[[Callable[[], object]], object] | None = None) -> None:
        self._journal = journal
        self._soon = soon or asyncio.get_running_loop().call_soon
        self._usages: list[Usage] = []
        self._ends: list[tuple[PendingAnswer, ExchangeAnswer | BmsError | None]] = []

    def add(self, usage: Usage, exchange: PendingAnswer, answer: ExchangeAnswer | BmsError | None) -> None:
        """Adds an answer and its usage; `answer` None: the client is gone, only the usage is left to write."""
        if not self._ends:
            self._soon(self.close)
        self._usages.append(usage)
        self._ends.append((exchange, answer))

    def close(self) -> None:
        """Writes the usage events and sends the answers."""
        ends, self._ends = self._ends, []
        usages, self._usages = self._usages, []
        if not ends:
            return
        try:
            self._journal.write(usages)
        except BmsError as error:
            for exchange, answer in ends:
                if answer is not None:
                    exchange.deliver_error(error)
            return
        for exchange, answer in ends:
            if isinstance(answer, ExchangeAnswer):
                exchange.deliver(answer)
            elif answer is not None:
                exchange.deliver_error(answer)
