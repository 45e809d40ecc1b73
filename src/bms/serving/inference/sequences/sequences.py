"""The open sequences of one signature: their state, and when idle ones are given up."""

from typing import Any

from bms.core.errors import InvalidArgument, ResourceExhausted
from bms.core.tensors.sequences import Sequence, SequenceId, SequenceLimits, SequenceStep
from bms.serving.inference.metrics import SequenceCounts


class _Held:
    """One open sequence: `running` steps have not ended; `used` is when the last one did, in monotonic seconds."""

    __slots__ = ("running", "state", "used")

    def __init__(self, now: float) -> None:
        self.state: dict[Any, Any] = {}
        self.running = 0
        self.used = now


class OpenSequences:
    """The table of open sequences: at most `limits.most`; one that is idle for `limits.idle_s` is given up. Pure: time
    is passed in. `counts` are kept as it goes; several tables may share them."""

    def __init__(self, model: str, limits: SequenceLimits, counts: SequenceCounts) -> None:
        self.model = model
        self.limits = limits
        self._counts = counts
        self._held: dict[SequenceId, _Held] = {}  # the one that was used longest ago first

    def __len__(self) -> int:
        return len(self._held)

    def take(self, step: SequenceStep | None, now: float) -> Sequence:
        """Returns the sequence that a step belongs to; `ended` must be called when the step has ended.

        Raises InvalidArgument for a step of none, or of one that is not open; ResourceExhausted where no more can be.
        """
        if step is None:
            raise InvalidArgument(
                f"inference request to model {self.model!r} must specify a non-zero or non-empty correlation ID: it "
                "keeps state from request to request, so send sequence_id, and sequence_start with the first, by "
                "the Open Inference Protocol (/v2/models/NAME/infer, or its gRPC): others have no place for them"
            )
        self.expire(now)
        held = self._held.pop(step.id, None)
        was_open = held is not None
        if step.start:
            if held is None and len(self._held) >= self.limits.most:
                self._counts.refused += 1
                raise ResourceExhausted(
                    f"{len(self._held)} sequences are open, which is all that a replica of {self.model!r} keeps: end "
                    f"one with sequence_end, or come again; they are given up after {self.limits.idle_s:g} s",
                    retry_after_s=min(self.limits.idle_s, 60.0),
                )
            held = _Held(now)  # one that begins anew keeps nothing of before
            self._counts.begun += 1
        elif held is None:
            raise InvalidArgument(
                f"inference request for sequence {step.id} to model {self.model!r} must specify the START flag on the "
                f"first request of the sequence: it is not open, or was given up after {self.limits.idle_s:g} s, or "
                "its replica is gone"
            )
        held.running += 1
        self._counts.open += (not step.end) - was_open
        if not step.end:
            self._held[step.id] = held
        return Sequence(step.id, step.start, step.end, held.state)

    def ended(self, sequence: Sequence, now: float) -> None:
        """Records that a step has ended, well or not."""
        held = self._held.get(sequence.id)
        if held is not None and held.state is sequence.state:
            del self._held[sequence.id]
            held.running -= 1
            held.used = now
            self._held[sequence.id] = held

    def expire(self, now: float) -> int:
        """Gives up sequences that have been idle for too long; returns how many."""
        given_up = [id for id, held in self._held.items() if not held.running and now - held.used >= self.limits.idle_s]
        for id in given_up:
            del self._held[id]
        self._counts.open -= len(given_up)
        self._counts.given_up += len(given_up)
        return len(given_up)
