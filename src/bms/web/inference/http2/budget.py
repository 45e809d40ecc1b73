"""Budgets against floods: limits frames and streams by which a client costs work and asks for nothing.

CVE-2023-44487 (rapid reset), CVE-2019-9512 (pings), 9514 (resets), 9515 (settings), 9518 (empty frames), CVE-2025-8671
(streams that we are made to reset).
"""

from bms.web.inference.http2.faults import ENHANCE_YOUR_CALM, ConnectionFault
from bms.web.inference.http2.limits import Http2Limits

_FRAMES_PER_REQUEST = 8  # window updates, pings and priorities that go with one


class Budget:
    """Two allowances, refilled once a second and by honest work."""

    def __init__(self, limits: Http2Limits, now: float) -> None:
        self._limits = limits
        self._resets = limits.resets
        self._frames = limits.control_frames
        self._filled = now

    def spend_frame(self, count: int = 1) -> None:
        """Counts a frame that asks for nothing. Raises ConnectionFault where there were too many."""
        self._frames -= count
        if self._frames < 0:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "too many frames that ask for nothing")

    def spend_reset(self) -> None:
        """Counts a stream that ended before its answer. Raises ConnectionFault where there were too many."""
        self._resets -= 1
        if self._resets < 0:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "too many streams are opened and dropped")

    def answered(self) -> None:
        """Refills for a request that was answered whole."""
        limits = self._limits
        if self._resets < limits.resets:
            self._resets += 1
        if self._frames < limits.control_frames:
            self._frames += _FRAMES_PER_REQUEST

    def sent(self) -> None:
        """Refills for a frame of data that was sent, which its receiver may acknowledge."""
        if self._frames < self._limits.control_frames:
            self._frames += 2

    def refill(self, now: float) -> None:
        limits, passed = self._limits, now - self._filled
        self._filled = now
        self._resets = min(limits.resets, self._resets + int(limits.resets_per_s * passed))
        self._frames = min(limits.control_frames, self._frames + int(limits.control_frames_per_s * passed))
