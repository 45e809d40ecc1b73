"""The sweep of allotments: what a lost end left open is closed, what holds something and has none is given one.

Where both changes are one transaction, there is nothing to be found; but releases of before there were allotments
started what runs now, and rows may be mended by hand.
"""

from bms.control.billing.ports import StraysTx
from bms.control.platform.allotments import DeviceMemory, no_devices
from bms.control.platform.transactions import Store
from bms.core.clock import Clock

_AT_ONCE = 200  # of each kind of thing, in one transaction


class AllotmentSweep:
    def __init__(self, store: Store[StraysTx], clock: Clock, device_memory: DeviceMemory = no_devices) -> None:
        self._store = store
        self._clock = clock
        self._device_memory = device_memory

    async def step(self) -> tuple[int, int]:
        """How many were opened and closed, from now on: nothing is counted for the time before."""
        opened, more = 0, 1
        async with self._store.write() as tx:
            closed = await tx.close_strays(self._clock.now())
        while more:
            async with self._store.write() as tx:
                more = await tx.open_missing(self._clock.now(), _AT_ONCE, self._device_memory())
            opened += more
        return opened, closed
