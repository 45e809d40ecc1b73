"""A deterministic world of one model server: a simulated clock, Poisson or closed-loop askers, a service-time curve."""

import heapq
import random
from collections.abc import Callable
from typing import NamedTuple

from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.workloads.programs import Batching
from bms.serving.inference.batching.batch_keys import BatchKey, RunProfile, SignatureTarget
from bms.serving.inference.batching.batcher import Batcher
from bms.serving.inference.batching.micro_batch import MicroBatch
from bms.serving.inference.batching.policy import policy_of, warm_up_sizes

ROWS = Signature(
    inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 2)),),
    outputs=(TensorSpec(name="y", dtype="FP32", shape=(None, 2)),),
)
Curve = Callable[[int], float]


class Nobody:
    """An asker that is never written to."""

    def __init__(self) -> None:
        self.open: dict[int, MicroBatch] = {}

    def send(self, data: bytes) -> None:
        raise AssertionError("deciding writes nothing")


def batch_key(*, batched: bool = True) -> BatchKey:
    """A kind of its own."""
    return BatchKey(SignatureTarget(ROWS, "s", None, None), (), RunProfile(), batched=batched)


def micro_batch(
    id: int, of: BatchKey, *, rows: int = 1, at: float = 0.0, deadline: float | None = None, priority: int = 0
) -> MicroBatch:
    return MicroBatch(Nobody(), id, of, {}, rows, at, deadline, (rows,), priority)


class Outcome(NamedTuple):
    """Latencies in seconds, ascending; the share of time in which the model ran; mean rows of a run; what waits."""

    latencies: list[float]
    busy: float
    rows: float
    left: int

    def percentile(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


def poisson(rate: float, seconds: float, seed: int = 1, group: int = 1) -> list[float]:
    """Moments of arrival; `group` of them at a time."""
    chance = random.Random(seed)
    moments: list[float] = []
    now = 0.0
    while (now := now + chance.expovariate(rate / group)) < seconds:
        moments += [now] * group
    return moments


def simulate(
    options: Batching, curve: Curve, arrivals: list[float], *, clients: int = 0, noise: float = 0.1
) -> Outcome:
    """One model server until the last of `arrivals`. With `clients`, so many ask again when they are answered.

    Sizes that may run are kept as execution keeps them; a run takes `curve(rows)`, give or take `noise`, and one run
    in a hundred three times as long.
    """
    chance = random.Random(7)
    waiting, one = Batcher(policy_of(options)), batch_key()
    for rows in warm_up_sizes(options):
        one.profile.times.note(rows, curve(rows))  # as a warm-up does
    events = [(at, number) for number, at in enumerate(arrivals)]
    heapq.heapify(events)
    end = arrivals[-1] if not clients else 20.0
    for number in range(clients):
        heapq.heappush(events, (0.0, number))
    now = free_at = busy = 0.0
    ran: list[int] = []
    latencies: list[float] = []
    while now < end:
        while events and events[0][0] <= now:
            waiting.add(micro_batch(0, one, at=heapq.heappop(events)[0]))
        batch = waiting.take(now) if now >= free_at else None
        if batch is not None:
            size = next((size for size in options.sizes if size >= batch.rows), batch.rows)
            took = curve(size) * (1 + noise * chance.uniform(-1, 1)) * (3 if chance.random() < 0.01 else 1)
            one.profile.times.note(size, took)
            free_at, busy = now + took, busy + took
            ran.append(batch.rows)
            latencies += [free_at - each.arrived for each in batch.micro_batches]
            if clients:
                for each in batch.micro_batches:
                    heapq.heappush(events, (free_at, each.id))
        next_at = [events[0][0]] if events else []
        if now < free_at:
            next_at.append(free_at)
        elif (wake := waiting.wakes_at()) is not None:
            next_at.append(max(wake, now))
        if not next_at:
            break
        now = min(next_at) if min(next_at) > now else now + 1e-9
    return Outcome(sorted(latencies), busy / max(now, 1e-9), sum(ran) / max(1, len(ran)), len(waiting))
