"""Repairs allotments: closes those whose subject has ended, and opens those that are missing.

Since both changes are one transaction, there is usually nothing to repair; but what runs now may have been started by a
release without allotments, and rows may be edited by hand.
"""

from collections.abc import Collection

from bms.control.billing.ports import OrphanAllotmentsTx
from bms.control.platform.allotments import DeviceMemory, no_devices
from bms.control.platform.transactions import Store
from bms.core.clock import Clock

_AT_ONCE = 200  # of each kind of thing, in one transaction


class AllotmentSweep:
    """Closes and opens allotments that don't agree with what runs or is stored."""

    def __init__(
        self, store: Store[OrphanAllotmentsTx], clock: Clock, device_memory: DeviceMemory = no_devices
    ) -> None:
        self._store = store
        self._clock = clock
        self._device_memory = device_memory

    async def after_start(self, running: Collection[str], lease: str, holder: str) -> int:
        """Closes the allotments of what ran when control was last there and does not run now, before anything is
        started; returns how many.

        It held until nobody led any more, by `lease`: a platform that was down for a night, or a machine that lost its
        power, held nothing meanwhile. Where another control leads, its processes are its business.
        """
        now = self._clock.now()
        async with self._store.write() as tx:
            led = await tx.led(lease)
            if led is None or (led[0] != holder and led[1] > now):
                return 0
            return await tx.close_unseen(running, min(now, led[1]))

    async def step(self) -> tuple[int, int]:
        """Repairs allotments; returns how many were opened and closed, from now on: nothing is counted for the time
        before."""
        opened, more = 0, 1
        async with self._store.write() as tx:
            closed = await tx.close_strays(self._clock.now())
        while more:
            async with self._store.write() as tx:
                more = await tx.open_missing(self._clock.now(), _AT_ONCE, self._device_memory())
            opened += more
        return opened, closed
