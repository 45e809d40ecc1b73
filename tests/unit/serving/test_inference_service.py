"""The service behind real Unix sockets, with servables made of functions: streams, defects, overload, images."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bms.core.clock import SystemClock
from bms.core.errors import BmsError, Internal, InvalidArgument, Unavailable, from_code
from bms.core.tensors.preprocessing import ImagePreprocess
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Array, Tensor
from bms.core.workloads.programs import Batching, ServableConfig, ServableStatus
from bms.protocols import frames
from bms.protocols.frames import Frame, FrameReader, FrameType
from bms.serving.inference import connection as connections
from bms.serving.inference import service as services
from bms.serving.inference.batching.worker import Worker
from bms.serving.inference.connection import FrameConnection
from bms.serving.inference.plan import Plan
from bms.serving.inference.preparation.images import ImagePlan
from bms.serving.inference.preparation.prepared import PreparedServable, for_runtime
from bms.serving.inference.service import InferenceService
from bms.serving.lifecycle.servable import Servable
from bms.serving.lifecycle.states import Lifecycle
from tests.servables import ROW, CountingServable, FunctionServable, TimesServable, doubled


class Asker:
    """An asyncio client of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self._stream = reader
        self._reader = FrameReader()
        self._frames: list[Frame] = []

    def ask(
        self, id: int, inputs: dict[str, Array], signature: str = "", timeout_us: int = 0, params: bytes = b""
    ) -> None:
        tensors = [Tensor(name, array) for name, array in inputs.items()]
        self.writer.write(b"".join(frames.encode_infer(id, signature, tensors, timeout_us, params=params)))

    def ask_micro_batch(self, id: int, calls: list[dict[str, Array]], signature: str = "") -> None:
        tensors = [[Tensor(name, array) for name, array in call.items()] for call in calls]
        parts = tuple(len(next(iter(call.values()))) for call in calls)
        self.writer.write(b"".join(frames.encode_infer_calls(id, signature, tensors, parts)))

    async def told(self) -> tuple[int, int, int, str]:
        """Id, first and count of the next answer or error, with the error's code."""
        frame = await self.frame()
        if frame.kind == FrameType.ERROR:
            error = frames.decode_error(frame)
            return frame.id, error.first, error.count, error.code
        meta, _ = frames.decode_answer(frame)
        return frame.id, meta.first, meta.count, ""

    async def frame(self) -> Frame:
        while not self._frames:
            data = await asyncio.wait_for(self._stream.read(1 << 20), 20)
            assert data, "the server closed the connection"
            self._frames.extend(self._reader.feed(data))
        return self._frames.pop(0)

    async def answer(self) -> tuple[int, bool, dict[str, list[object]]]:
        """Id, whether it is final, outputs as lists. Raises what came as an error."""
        frame = await self.frame()
        if frame.kind == FrameType.ERROR:
            error = frames.decode_error(frame)
            raise from_code(error.code, error.message)
        meta, tensors = frames.decode_answer(frame)
        return frame.id, meta.final, {tensor.name: tensor.array.tolist() for tensor in tensors}


class House:
    """A service, its lifecycle, and a way to connect."""

    def __init__(
        self, service: InferenceService, lifecycle: Lifecycle, connections: set[FrameConnection], path: str
    ) -> None:
        self.service = service
        self.connections = connections
        self.lifecycle = lifecycle
        self._path = path

    async def asker(self) -> Asker:
        return Asker(*await asyncio.open_unix_connection(self._path, limit=1 << 24))

    def load(self, servable: Servable, plan: Plan | None = None) -> None:
        self.service.serve(servable, plan)
        self.lifecycle.move("AVAILABLE")


@asynccontextmanager
async def house(
    path: Path, batching: Batching = Batching(), *, leaving: Callable[[], bool] = lambda: False
) -> AsyncIterator[House]:
    loop = asyncio.get_running_loop()
    lifecycle, worker, preparing = Lifecycle(), Worker(loop), ThreadPoolExecutor(1)
    service = InferenceService(
        loop=loop, clock=SystemClock(), worker=worker, preparing=preparing, lifecycle=lifecycle, batching=batching
    )
    lifecycle.move("LOADING")
    status = ServableStatus(replica="r", state="AVAILABLE", started_at=0)
    held: set[FrameConnection] = set()
    server = await loop.create_unix_server(
        lambda: FrameConnection(service, lambda: status, held, leaving), str(path / "s")
    )
    try:
        yield House(service, lifecycle, held, str(path / "s"))
    finally:
        server.close()
        for connection in list(held):
            connection.close(abort=True)
        service.close()
        assert worker.stop(20)
        preparing.shutdown()


def x(*values: float) -> dict[str, Array]:
    return {"x": np.array([[value, value] for value in values], dtype=np.float32)}


async def test_status_is_answered_whatever_the_state(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        asker = await it.asker()
        asker.writer.write(frames.encode_plain(FrameType.STATUS, 77))
        frame = await asker.frame()
        assert (frame.kind, frame.id) == (FrameType.STATUS_ANSWER, 77)
        assert msgspec.msgpack.decode(frame.meta, type=ServableStatus).replica == "r"


META = msgspec.msgpack.encode(("", 0, (), (("x", "FP32", (1,) * 100, 4),)))


@pytest.mark.parametrize(
    "data",
    [
        frames.HEADER.pack(1 << 40, 0, FrameType.INFER, 1),
        frames.encode_plain(FrameType.ANSWER, 1),
        frames.encode_plain(FrameType.INFER, 1, b"\xc1"),
        frames.HEADER.pack(len(META) + 4, len(META), FrameType.INFER, 1) + META + b"abcd",
        b"".join(frames.encode_infer(1, "", [], timeout_us=-1)),
        b"".join(frames.encode_infer(1, "", [Tensor("x", np.zeros((1, 2), np.float32))])) * 2,
    ],
    ids=["too large", "an answer", "no msgpack", "too many dimensions", "negative time", "an id twice"],
)
async def test_what_breaks_the_protocol_closes_its_own_connection(tmp_path: Path, data: bytes) -> None:
    async with house(tmp_path) as it:
        it.load(FunctionServable(doubled))
        bad, other = await it.asker(), await it.asker()
        bad.writer.write(data + frames.encode_plain(FrameType.STATUS, 1))
        with pytest.raises((AssertionError, ConnectionResetError)):
            await bad.frame()
        other.ask(1, x(1))
        assert (await other.answer())[0] == 1
        assert it.service.inflight.in_flight == 0


async def test_a_goodbye_is_told_at_once_to_who_comes_late(tmp_path: Path) -> None:
    async with house(tmp_path, leaving=lambda: True) as it:
        asker = await it.asker()
        assert (await asker.frame()).kind == FrameType.GOING_AWAY


async def test_what_is_not_loaded_yet_refuses_and_says_to_ask_elsewhere(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        asker = await it.asker()
        asker.ask(1, x(1))
        error = frames.decode_error(await asker.frame())
        assert (error.code, error.retry) == ("UNAVAILABLE", True)
        assert "LOADING" in error.message


async def test_all_that_arrives_together_runs_together_across_connections(tmp_path: Path) -> None:
    gate = threading.Event()

    def gated(inputs: dict[str, Array]) -> dict[str, Array]:
        assert gate.wait(20)
        return doubled(inputs)

    servable = FunctionServable(gated)
    async with house(tmp_path) as it:
        it.load(servable)
        one, two = await it.asker(), await it.asker()
        one.ask(1, x(1))
        await until(lambda: servable.runs == [1])
        one.ask(2, x(2))
        two.ask(1, x(3, 4))
        one.ask(3, x(5))
        await until(lambda: it.service.inflight.in_flight == 4)
        gate.set()
        assert [await one.answer() for _ in range(3)] == [
            (1, True, {"y": [[2, 2]]}),
            (2, True, {"y": [[4, 4]]}),
            (3, True, {"y": [[10, 10]]}),
        ]
        assert await two.answer() == (1, True, {"y": [[6, 6], [8, 8]]})
        assert servable.runs == [1, 4]


async def test_calls_with_other_parameters_never_share_a_run(tmp_path: Path) -> None:
    async with house(tmp_path) as held:
        servable = TimesServable()
        held.load(servable)
        asker = await held.asker()
        x = {"x": np.ones((1, 2), np.float32)}
        for id, params in enumerate((b"", b'{"times":2}', b'{"times":3}', b'{"times":2}', b'{"tims":2}', b"{")):
            asker.ask(id + 1, x, params=params)
        told: dict[int, object] = {}
        for _ in range(6):
            frame = await asker.frame()
            if frame.kind == FrameType.ERROR:
                told[frame.id] = frames.decode_error(frame).message
            else:
                told[frame.id] = frames.decode_answer(frame)[1][0].array.tolist()
        assert {id: told[id] for id in range(1, 5)} == {1: [[1, 1]], 2: [[2, 2]], 3: [[3, 3]], 4: [[2, 2]]}
        assert told[5] == "unknown parameter 'tims': this model takes 'times' integer (default 1)"
        assert str(told[6]).startswith("the parameters of a call can't be read")
        assert sum(servable.runs) == 4


async def test_a_servable_without_parameters_refuses_them(tmp_path: Path) -> None:
    async with house(tmp_path) as held:
        held.load(FunctionServable(doubled))
        asker = await held.asker()
        asker.ask(1, {"x": np.ones((1, 2), np.float32)}, params=b'{"times":2}')
        assert await asker.told() == (1, 0, 0, "INVALID_ARGUMENT")


async def test_a_stream_is_sent_step_by_step_and_ends_with_an_empty_final_answer(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        it.load(CountingServable())
        asker = await it.asker()
        asker.ask(5, {"to": np.array([3])}, "count")
        assert [await asker.answer() for _ in range(4)] == [
            (5, False, {"n": [0]}),
            (5, False, {"n": [1]}),
            (5, False, {"n": [2]}),
            (5, True, {}),
        ]
        await asyncio.wait_for(it.service.drained(), 20)
        assert it.service.metrics.batches == 1


async def test_streams_and_batches_share_the_worker(tmp_path: Path) -> None:
    servable = CountingServable()
    async with house(tmp_path) as it:
        it.load(servable)
        asker = await it.asker()
        for id in (1, 2):
            asker.ask(id, {"to": np.array([10])}, "count")
        asker.ask(3, x(4))
        order = [(await asker.answer())[0] for _ in range(23)]
        assert order.index(3) < 10  # it did not wait for the streams to end
        assert order.count(1) == order.count(2) == 11
        assert servable.ended == 2


async def test_a_stream_that_fails_ends_with_the_error(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        it.load(CountingServable())
        asker = await it.asker()
        asker.ask(1, {"to": np.array([20])}, "count")
        for number in range(13):
            assert (await asker.answer())[2] == {"n": [number]}
        with pytest.raises(BmsError, match="nobody counts beyond 13"):
            await asker.answer()
        assert it.service.inflight.in_flight == 0


async def test_a_cancelled_or_late_stream_is_closed(tmp_path: Path) -> None:
    class Endless(CountingServable):
        def stream(self, signature, inputs, outputs=()):  # type: ignore[no-untyped-def]
            try:
                while True:
                    yield {"n": np.array([7])}
            finally:
                self.ended += 1

    servable = Endless()
    async with house(tmp_path) as it:
        it.load(servable)
        asker = await it.asker()
        asker.ask(1, {"to": np.array([1])}, "count")
        await asker.answer()
        asker.writer.write(frames.encode_plain(FrameType.CANCEL, 1))
        await until(lambda: servable.ended == 1)
        asker.ask(2, {"to": np.array([1])}, "count", timeout_us=20_000)
        while (frame := await asker.frame()).kind == FrameType.ANSWER:
            pass
        assert frames.decode_error(frame).code == "DEADLINE_EXCEEDED"
        await until(lambda: servable.ended == 2)
        asker.ask(3, {"to": np.array([1])}, "count")
        await asker.answer()
        asker.writer.close()
        await until(lambda: servable.ended == 3)
        assert it.service.inflight.in_flight == 0


async def test_a_defect_of_the_model_is_an_internal_error_of_its_own_call(tmp_path: Path) -> None:
    def wild(inputs: dict[str, Array]) -> dict[str, Array]:
        if np.any(inputs["x"] == 13):
            raise ZeroDivisionError("inside")
        return doubled(inputs)

    async with house(tmp_path, Batching(max_wait_s=0.01)) as it:
        it.load(FunctionServable(wild))
        asker = await it.asker()
        asker.ask(1, x(1))
        asker.ask(2, x(13))
        asker.ask(3, x(3))
        assert await asker.answer() == (1, True, {"y": [[2, 2]]})
        with pytest.raises(Internal, match="ZeroDivisionError"):
            await asker.answer()
        assert await asker.answer() == (3, True, {"y": [[6, 6]]})


async def test_a_bad_call_spoils_neither_its_micro_batch_nor_its_batch(tmp_path: Path) -> None:
    def picky(inputs: dict[str, Array]) -> dict[str, Array]:
        if np.any(inputs["x"] == 13):
            raise InvalidArgument("13 is not served")
        return doubled(inputs)

    servable = FunctionServable(picky)
    async with house(tmp_path, Batching(max_wait_s=0.05)) as it:
        it.load(servable)
        asker = await it.asker()
        asker.ask_micro_batch(1, [x(1, 2), x(13), x(3)])
        asker.ask_micro_batch(2, [x(4), x(5)])
        asker.ask(3, x(6))
        told = [await asker.told() for _ in range(5)]
        assert told == [(1, 0, 1, ""), (1, 1, 1, "INVALID_ARGUMENT"), (1, 2, 1, ""), (2, 0, 0, ""), (3, 0, 0, "")]
        assert servable.runs == [7, 4, 2, 1, 1, 2, 1]
        assert (it.service.metrics.requests, it.service.metrics.errors) == (6, {"INVALID_ARGUMENT": 1})
        assert it.service.inflight.in_flight == 0


async def test_what_is_not_batched_comes_call_by_call(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        it.load(CountingServable())
        asker = await it.asker()
        asker.ask_micro_batch(1, [{"to": np.array([1])}], "count")
        assert [(await asker.told())[3] for _ in range(2)] == ["", ""]
        meta = ("count", 0, (), (("to", "INT64", (2,), 16),), (1, 1), 0)
        encoded = msgspec.msgpack.encode(meta)
        header = frames.HEADER.pack(len(encoded) + 16, len(encoded), FrameType.INFER, 2)
        asker.writer.write(header + encoded + bytes(16))
        assert await asker.told() == (2, 0, 0, "INVALID_ARGUMENT")


async def test_short_runs_come_to_the_loop_and_a_surprise_sends_them_back(tmp_path: Path) -> None:
    threads: list[int] = []

    def sometimes_slow(inputs: dict[str, Array]) -> dict[str, Array]:
        threads.append(threading.get_ident())
        if np.any(inputs["x"] == 13):
            time.sleep(0.02)
        return doubled(inputs)

    async with house(tmp_path) as it:
        it.load(FunctionServable(sometimes_slow))
        asker = await it.asker()

        async def ask(value: float) -> int:
            asker.ask(1, x(value))
            await asker.answer()
            return threads[-1]

        here = threading.get_ident()
        async with asyncio.timeout(20):
            while await ask(1) != here:
                pass
            assert len(threads) > 16
            await ask(13)
            assert await ask(13) != here
            while await ask(1) != here:
                pass
        assert it.service.metrics.in_loop == threads.count(here)


async def test_what_runs_in_the_worker_keeps_short_runs_out_of_the_loop(tmp_path: Path) -> None:
    threads: list[int] = []

    class Slow(CountingServable):
        def stream(self, signature, inputs, outputs=()):  # type: ignore[no-untyped-def]
            for number in range(int(inputs["to"][0])):
                time.sleep(0.001)
                yield {"n": np.array([number])}

        def infer(self, signature, inputs, outputs=()):  # type: ignore[no-untyped-def]
            threads.append(threading.get_ident())
            return super().infer(signature, inputs, outputs)

    async with house(tmp_path) as it:
        it.load(Slow())
        asker = await it.asker()
        async with asyncio.timeout(20):
            while threading.get_ident() not in threads:
                asker.ask(1, x(1))
                await asker.answer()
            asker.ask(7, {"to": np.array([20])}, "count")
            for _ in range(3):
                await asker.answer()
            threads.clear()
            asker.ask(2, x(1))
            while (await asker.answer())[0] != 2:
                pass
        assert threads
        assert threading.get_ident() not in threads


async def test_time_that_the_model_needs_is_not_waited_for_in_vain(tmp_path: Path) -> None:
    gate = threading.Event()

    def slow(inputs: dict[str, Array]) -> dict[str, Array]:
        gate.wait(0.5)
        return doubled(inputs)

    servable = FunctionServable(slow)
    async with house(tmp_path) as it:
        it.load(servable)
        asker = await it.asker()
        for _ in range(2):
            asker.ask(1, x(1))
            await asker.answer()
        asker.ask(2, x(2), timeout_us=250_000)
        asked = asyncio.get_running_loop().time()
        with pytest.raises(BmsError, match=r"too short: .* ms are left, the model takes longer"):
            await asker.answer()
        assert asyncio.get_running_loop().time() - asked < 0.2
        assert servable.runs == [1, 1]
        gate.set()  # it is fast from now on, which only a try can show
        async with asyncio.timeout(20):
            told = "DEADLINE_EXCEEDED"
            while told == "DEADLINE_EXCEEDED":
                asker.ask(3, x(3), timeout_us=250_000)
                told = (await asker.told())[3]
            assert told == ""


async def test_too_many_rows_are_sent_elsewhere_but_one_large_call_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MAX_ROWS_WAITING", 4)
    async with house(tmp_path, Batching(max_rows=64, max_wait_s=60.0)) as it:
        it.load(FunctionServable(doubled))
        asker = await it.asker()
        asker.ask(1, x(1, 2, 3))
        asker.ask(2, x(4, 5))
        frame = await asker.frame()
        error = frames.decode_error(frame)
        assert (frame.id, error.code, error.retry) == (2, "UNAVAILABLE", True)
        assert error.message == "3 rows wait already: ask another replica"
        asker.ask(3, x(6))
        await until(lambda: it.service.inflight.in_flight == 2)
        await asyncio.wait_for(it.service.drained(), 20)
        assert [(await asker.answer())[0] for _ in range(2)] == [1, 3]
        asker.ask(4, x(*range(9)))
        await asker.answer()


async def test_higher_priority_goes_first(tmp_path: Path) -> None:
    gate = threading.Event()

    def gated(inputs: dict[str, Array]) -> dict[str, Array]:
        assert gate.wait(20)
        return doubled(inputs)

    async with house(tmp_path, Batching(policy="off")) as it:
        servable = FunctionServable(gated)
        it.load(servable)
        asker = await it.asker()
        asker.ask(1, x(1))
        await until(lambda: servable.runs == [1])
        for id, priority in ((2, 20), (3, 0), (4, 1)):
            tensors = [Tensor("x", x(id)["x"])]
            asker.writer.write(b"".join(frames.encode_infer(id, "", tensors, priority=priority)))
        await until(lambda: it.service.inflight.in_flight == 4)
        gate.set()
        assert [(await asker.answer())[0] for _ in range(4)] == [1, 4, 3, 2]


async def test_why_batches_left_and_what_was_filled_up_is_counted(tmp_path: Path) -> None:
    servable = FunctionServable(doubled)
    async with house(tmp_path, Batching(max_wait_s=0.4, sizes=(2, 4))) as it:
        it.load(servable)
        asker = await it.asker()
        asker.ask(1, x(1, 2, 3))
        assert (await asker.answer())[2] == {"y": [[2, 2], [4, 4], [6, 6]]}
        asker.ask(2, x(1, 2, 3, 4))
        await asker.answer()
        asker.ask(3, x(1), timeout_us=600_000)
        await asker.answer()
        await it.service.drained()
        asker.ask(4, x(1))
        await asker.answer()
        metrics = it.service.metrics
        assert metrics.left == {"timer": 1, "full": 1, "deadline": 1, "idle": 1}
        assert servable.runs == [4, 4, 2, 2]
        assert (metrics.rows, metrics.padded_rows) == (9, 3)


async def test_a_full_house_sends_askers_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_IN_FLIGHT", 2)
    async with house(tmp_path, Batching(max_wait_s=60.0)) as it:
        it.load(FunctionServable(doubled))
        asker = await it.asker()
        for id in (1, 2, 3):
            asker.ask(id, x(id))
        with pytest.raises(Unavailable, match="2 requests are in flight already"):
            await asker.answer()
        await asyncio.wait_for(it.service.drained(), 20)
        assert sorted([(await asker.answer())[0], (await asker.answer())[0]]) == [1, 2]


async def test_waiting_ends_with_the_deadline_even_when_nothing_else_happens(tmp_path: Path) -> None:
    gate = threading.Event()

    def gated(inputs: dict[str, Array]) -> dict[str, Array]:
        assert gate.wait(20)
        return doubled(inputs)

    async with house(tmp_path) as it:
        it.load(FunctionServable(gated))
        asker = await it.asker()
        asker.ask(1, x(1))
        await until(lambda: it.service.inflight.in_flight == 1)
        asker.ask(2, x(2), timeout_us=30_000)
        with pytest.raises(BmsError, match="time was used up"):
            await asker.answer()
        gate.set()
        assert (await asker.answer())[0] == 1


async def test_the_only_signature_is_the_default_whatever_its_name(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        it.load(FunctionServable(doubled, {"mine": ROW}))
        asker = await it.asker()
        for id, name in ((1, ""), (2, "mine"), (3, DEFAULT)):
            asker.ask(id, x(1), name)
            assert (await asker.answer())[0] == id
        asker.ask(4, x(1), "yours")
        with pytest.raises(BmsError, match="no signature 'yours'"):
            await asker.answer()


async def test_an_asker_that_reads_nothing_is_not_read_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_UNREAD", 1 << 16)
    wide = Signature(
        inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 2)),),
        outputs=(TensorSpec(name="y", dtype="FP32", shape=(None, 100_000)),),
    )
    servable = FunctionServable(
        lambda inputs: {"y": np.repeat(np.asarray(inputs["x"], np.float32)[:, :1], 100_000, axis=1)}, {DEFAULT: wide}
    )
    async with house(tmp_path, Batching(max_rows=1)) as it:
        it.load(servable)
        asker = await it.asker()
        await until(lambda: len(it.connections) == 1)
        (connection,) = it.connections
        reading = connection._transport.is_reading  # type: ignore[union-attr]
        asker.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for id in range(50):
            asker.ask(id, x(id))
        await until(lambda: not reading())
        other = await it.asker()
        other.ask(1, x(7))
        assert (await other.answer())[0] == 1
        asker.writer.transport.resume_reading()  # type: ignore[attr-defined]
        for id in range(50):
            got, _, outputs = await asker.answer()
            assert (got, outputs["y"][0][0]) == (id, id)  # type: ignore[index]
        await until(reading)


DIGIT = ImagePreprocess(input="x", mode="L", height=1, width=2, scale=1.0)


def decode(data: bytes, options: ImagePreprocess) -> np.ndarray:
    return np.frombuffer(data, dtype=np.uint8).reshape(1, 2, 1)


async def test_images_join_the_batches_of_tensors(tmp_path: Path) -> None:
    servable = FunctionServable(doubled)
    images = np.array([b"\x01\x02", b"\x03\x04"], dtype=object)
    async with house(tmp_path, Batching(max_rows=3, max_wait_s=60.0)) as it:
        it.load(servable, ImagePlan(DIGIT, servable.signatures, decode))
        asker = await it.asker()
        asker.ask(1, {"image": images}, "image")
        asker.ask(2, x(9))
        answers = dict([(await asker.answer())[::2], (await asker.answer())[::2]])
        assert answers == {1: {"y": [[2, 4], [6, 8]]}, 2: {"y": [[18, 18]]}}
        assert servable.runs == [3]


async def test_a_bad_image_leaves_its_micro_batch_to_the_others(tmp_path: Path) -> None:
    def picky(data: bytes, options: ImagePreprocess) -> np.ndarray:
        if len(data) != 2:
            raise InvalidArgument("no image")
        return decode(data, options)

    def images(*given: bytes) -> dict[str, Array]:
        return {"image": np.array(given, dtype=object)}

    servable = FunctionServable(doubled)
    async with house(tmp_path) as it:
        it.load(servable, ImagePlan(DIGIT, servable.signatures, picky))
        asker = await it.asker()
        asker.ask_micro_batch(1, [images(b"\x01\x02"), images(b"\x01\x02", b"bad"), images(b"\x05\x06")], "image")
        assert [await asker.told() for _ in range(3)] == [(1, 1, 1, "INVALID_ARGUMENT"), (1, 0, 1, ""), (1, 2, 1, "")]
        asker.ask_micro_batch(2, [images(b"bad"), images(b"bad")], "image")
        assert [await asker.told() for _ in range(2)] == [(2, 0, 1, "INVALID_ARGUMENT"), (2, 1, 1, "INVALID_ARGUMENT")]
        asker.ask_micro_batch(3, [images(b"\x01\x02"), images(b"\x03\x04")], "image")
        frame = await asker.frame()
        assert frames.decode_answer(frame)[1][0].array.tolist() == [[2, 4], [6, 8]]
        assert servable.runs == [2, 2]
        assert it.service.inflight.in_flight == 0


async def test_texts_of_different_lengths_go_on_together_without_the_bad_one(tmp_path: Path) -> None:
    class Lengths:
        """A plan that makes rows as long as the longest text of those it is given together."""

        name, target, signature = "text", DEFAULT, ROW

        def prepare(self, inputs: dict[str, Array]) -> dict[str, Array]:
            texts = inputs["x"][:, 0].tolist()
            if 0 in texts:
                raise InvalidArgument("an empty text")
            longest = int(max(texts))
            return {"x": np.array([[text] * longest for text in texts], dtype=np.float32)}

    servable = FunctionServable(lambda inputs: {"y": inputs["x"][:, :1] * inputs["x"].shape[1]})
    async with house(tmp_path) as it:
        it.load(servable, Lengths())
        asker = await it.asker()
        asker.ask_micro_batch(1, [x(1), x(0), x(3)], "text")
        assert sorted([await asker.told() for _ in range(3)]) == [
            (1, 0, 1, ""),
            (1, 1, 1, "INVALID_ARGUMENT"),
            (1, 2, 1, ""),
        ]
        assert servable.runs == [2]


async def test_images_given_up_while_they_are_decoded_are_forgotten(tmp_path: Path) -> None:
    gate, began = threading.Event(), threading.Event()

    def slow(data: bytes, options: ImagePreprocess) -> np.ndarray:
        began.set()
        assert gate.wait(20)
        return decode(data, options)

    servable = FunctionServable(doubled)
    async with house(tmp_path) as it:
        it.load(servable, ImagePlan(DIGIT, servable.signatures, slow))
        asker = await it.asker()
        asker.ask(1, {"image": np.array([b"\x01\x02"], dtype=object)}, "image")
        asker.ask(2, {"image": np.array([b"\x05\x06"], dtype=object)}, "image")
        await until(began.is_set)
        for id in (1, 2):
            asker.writer.write(frames.encode_plain(FrameType.CANCEL, id))
        await until(lambda: it.service.inflight.in_flight == 0)
        gate.set()
        asker.ask(3, x(3))
        assert (await asker.answer())[0] == 3
        assert servable.runs == [1]


def test_jobs_see_images_as_one_more_signature() -> None:
    inner = FunctionServable(doubled)
    servable = PreparedServable(inner, ImagePlan(DIGIT, inner.signatures, decode))
    assert list(servable.signatures) == [DEFAULT, "image"]
    outputs = servable.infer("image", {"image": np.array([b"\x01\x02"], dtype=object)}, ("y",))
    assert outputs["y"].tolist() == [[2, 4]]
    assert servable.infer(DEFAULT, x(2))["y"].tolist() == [[4, 4]]
    assert servable.format == "function"
    servable.close()
    assert inner.closed == 1


def test_the_runtime_is_not_told_of_the_signature_that_images_add() -> None:
    config = ServableConfig(
        runtime="onnx", directory="/", model="m", version=1, signatures={DEFAULT: ROW, "image": ROW}, preprocess=DIGIT
    )
    assert list(for_runtime(config).signatures) == [DEFAULT]
    without = msgspec.structs.replace(config, preprocess=None)
    assert list(for_runtime(without).signatures) == [DEFAULT, "image"]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.001)
