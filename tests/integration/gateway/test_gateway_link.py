"""The connection to a model server, over a real Unix socket."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from bms.adapters.replicas.call_batches import SentCall
from bms.adapters.replicas.link import ReplicaLink
from bms.core.errors import InvalidArgument, Unavailable
from bms.core.tensors.tensor import Tensor
from bms.protocols.frames import AnswerMeta, ErrorMeta, FrameType, encode_answer, encode_plain
from tests.peers.frames_server import RunningServer


class Sink:
    def __init__(self) -> None:
        self.told: list[object] = []
        self.done = asyncio.Event()

    def on_answer(self, meta: AnswerMeta, tensors: list[Tensor]) -> None:
        self.told.append(tensors[0].array.tolist() if tensors else [])
        if meta.final:
            self.done.set()

    def on_error(self, meta: ErrorMeta) -> None:
        self.told.append((meta.code, meta.retry))
        self.done.set()


def frame(call: SentCall) -> int:
    """The id of the frame that a call went out in."""
    assert call.parcel is not None
    return call.parcel.id


def rows(value: float, count: int = 1) -> list[Tensor]:
    return [Tensor("x", np.full((count, 4), value, dtype="<f4"))]


async def test_many_calls_of_one_turn_are_answered_each_to_its_asker(tmp_path: Path) -> None:
    async with RunningServer(str(tmp_path / "s")) as server:
        link = ReplicaLink(f"unix:{server.path}")
        sinks = [Sink() for _ in range(50)]
        for n, sink in enumerate(sinks):
            link.infer(sink, "serving_default", rows(n), 0, ())
        async with asyncio.timeout(10):
            for sink in sinks:
                await sink.done.wait()
        assert [sink.told for sink in sinks] == [[[[2.0 * n + 1] * 4]] for n in range(50)]
        assert link.in_flight == 0
        link.close()


async def test_large_tensors_cross_whole(tmp_path: Path) -> None:
    async with RunningServer(str(tmp_path / "s")) as server:
        link, sink = ReplicaLink(f"unix:{server.path}"), Sink()
        link.infer(sink, "serving_default", rows(3, 500_000), 0, ())
        await asyncio.wait_for(sink.done.wait(), 20)
        answer = np.array(sink.told[0])
        assert answer.shape == (500_000, 4)
        assert (answer == 7).all()
        link.close()


async def test_a_stream_reaches_its_asker_part_by_part(tmp_path: Path) -> None:
    async with RunningServer(str(tmp_path / "s"), mode="hold") as server:
        link, sink = ReplicaLink(f"unix:{server.path}"), Sink()
        call = link.infer(sink, "serving_default", rows(1), 0, ())
        await _until(lambda: server.seen)
        for n in range(3):
            parts = encode_answer(frame(call), [Tensor("t", np.array([n]))], queue_ns=0, compute_ns=0, final=n == 2)
            server.connections[0].write(b"".join(parts))
        await asyncio.wait_for(sink.done.wait(), 10)
        assert sink.told == [[0], [1], [2]]
        link.close()


async def test_a_loss_fails_everything_pending_at_once_and_the_link_comes_back(tmp_path: Path) -> None:
    down: list[int] = []
    async with RunningServer(str(tmp_path / "s"), mode="hold") as server:
        link = ReplicaLink(f"unix:{server.path}", lambda: down.append(1))
        sinks = [Sink() for _ in range(3)]
        for sink in sinks:
            link.infer(sink, "serving_default", rows(1), 0, ())
        await _until(lambda: len(server.seen) == 3)
        server.drop()
        async with asyncio.timeout(1):
            for sink in sinks:
                await sink.done.wait()
        assert [sink.told for sink in sinks] == [[("INTERNAL", False)]] * 3
        assert down == [1]
        server.mode = "answer"
        await _until(lambda: link.usable)
        again = Sink()
        link.infer(again, "serving_default", rows(1), 0, ())
        await asyncio.wait_for(again.done.wait(), 10)
        assert again.told == [[[3.0] * 4]]
        link.close()


async def test_nobody_there_fails_what_waits_and_is_found_later(tmp_path: Path) -> None:
    link, sink = ReplicaLink(f"unix:{tmp_path / 's'}"), Sink()
    link.infer(sink, "serving_default", rows(1), 0, ())
    await asyncio.wait_for(sink.done.wait(), 5)
    assert sink.told == [("UNAVAILABLE", True)]
    assert not link.usable
    async with RunningServer(str(tmp_path / "s")):
        await _until(lambda: link.usable)
        assert (await link.status()).state == "AVAILABLE"
    link.close()


async def test_a_cancelled_call_tells_the_server_and_hears_nothing(tmp_path: Path) -> None:
    async with RunningServer(str(tmp_path / "s"), delay_s=0.05) as server:
        link, sink = ReplicaLink(f"unix:{server.path}"), Sink()
        call = link.infer(sink, "serving_default", rows(1), 0, ())
        await _until(lambda: server.seen)
        id = frame(call)
        link.cancel(call)
        await _until(lambda: (FrameType.CANCEL, id) in server.seen)
        later = Sink()
        link.infer(later, "serving_default", rows(1), 0, ())
        await asyncio.wait_for(later.done.wait(), 5)
        assert sink.told == []
        link.close()


async def test_a_server_that_goes_away_gets_no_more_and_answers_what_it_has(tmp_path: Path) -> None:
    async with RunningServer(str(tmp_path / "s"), delay_s=0.05) as server:
        link, sink = ReplicaLink(f"unix:{server.path}"), Sink()
        link.infer(sink, "serving_default", rows(1), 0, ())
        await _until(lambda: server.seen)
        server.connections[0].write(encode_plain(FrameType.GOING_AWAY))
        await _until(lambda: not link.usable)
        await asyncio.wait_for(sink.done.wait(), 5)
        assert sink.told == [[[3.0] * 4]]
        link.close()


async def test_a_retired_link_finishes_and_closes(tmp_path: Path) -> None:
    async with RunningServer(str(tmp_path / "s"), delay_s=0.05) as server:
        link, sink = ReplicaLink(f"unix:{server.path}"), Sink()
        link.infer(sink, "serving_default", rows(1), 0, ())
        link.retire()
        assert not link.usable
        await asyncio.wait_for(sink.done.wait(), 5)
        assert sink.told == [[[3.0] * 4]]
        await _until(lambda: not link.connected)


@pytest.mark.parametrize(
    "nonsense", [b"\xff" * 64, encode_plain(FrameType.INFER, 1), encode_plain(FrameType.ANSWER, 1)]
)
async def test_a_server_that_speaks_nonsense_is_cut_off(tmp_path: Path, nonsense: bytes) -> None:
    async with RunningServer(str(tmp_path / "s"), mode="hold") as server:
        link, sink = ReplicaLink(f"unix:{server.path}"), Sink()
        link.infer(sink, "serving_default", rows(1), 0, ())
        await _until(lambda: server.seen)
        server.connections[0].write(nonsense)
        await asyncio.wait_for(sink.done.wait(), 5)
        assert sink.told == [("INTERNAL", False)]
        link.close()


async def test_status_has_its_own_deadline(tmp_path: Path) -> None:
    async with RunningServer(str(tmp_path / "s")) as server:
        link = ReplicaLink(f"unix:{server.path}")
        assert (await link.status()).replica == "r"
        for connection in server.connections:
            connection.transport.pause_reading()  # type: ignore[attr-defined]
        with pytest.raises(Unavailable):
            await link.status(0.05)
        link.close()


async def test_addresses_of_another_kind_are_refused() -> None:
    for address in ("tcp:host:1", "/path", "unix:"):
        with pytest.raises(InvalidArgument):
            ReplicaLink(address)


async def _until(true: object) -> None:
    async with asyncio.timeout(10):
        while not true():  # type: ignore[operator]
            await asyncio.sleep(0.002)
