"""What a client's script tells: a line of JSON for each thing it tried, with what it got, or how it was refused."""

import json
from collections.abc import Awaitable, Callable


class Teller:
    def now(self, what: str, ask: Callable[[], object]) -> None:
        try:
            got = ask()
        except Exception as error:  # noqa: BLE001 - whatever a client raises is what it is tried for
            self._refused(what, error)
        else:
            self._got(what, got)

    async def later(self, what: str, asking: Awaitable[object]) -> None:
        try:
            got = await asking
        except Exception as error:  # noqa: BLE001
            self._refused(what, error)
        else:
            self._got(what, got)

    def _got(self, what: str, got: object) -> None:
        print(json.dumps({"what": what, "got": got}), flush=True)

    def _refused(self, what: str, error: Exception) -> None:
        print(json.dumps({"what": what, "refused": type(error).__name__, "words": str(error)[:500]}), flush=True)
