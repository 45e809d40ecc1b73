"""Requests of a servable with an engine: how many are in progress, who is next, who is refused, and what is told."""

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest

from bms.core.errors import BmsError, Internal, ResourceExhausted
from bms.core.tensors.tensor import Tensor
from bms.protocols import frames
from bms.protocols.frames import AnswerEnd, FrameType
from bms.serving.engines.engine import End, EngineCapacity
from bms.serving.inference.preparation.images import ImagePlan
from tests.engines import EngineFunction, ScriptedEngine, to
from tests.unit.serving.test_inference_service import DIGIT, Asker, House, decode, house, until, x


async def served(it: House, engine: ScriptedEngine) -> Asker:
    it.load(EngineFunction(engine))
    return await it.asker()


def counts(it: House) -> tuple[int, int, int]:
    made = it.service.metrics.engine
    assert made is not None
    return made.in_progress, made.waiting, made.refused


async def test_as_many_as_the_engine_takes_are_in_progress_and_the_rest_follow_in_their_order(tmp_path: Path) -> None:
    engine = ScriptedEngine(at_once=2, waiting=3)
    async with house(tmp_path) as it:
        asker = await served(it, engine)
        for id in range(5):
            asker.ask(id, x(id))
        await until(lambda: counts(it) == (2, 3, 0))
        assert [engine.asked(number) for number in range(2)] == [[0], [1]]
        engine.answer(1)
        assert (await asker.answer()) == (1, True, {"y": [[2, 2]]})
        await until(lambda: len(engine.submitted) == 3)
        engine.answer(2)
        engine.answer(0)
        assert {(await asker.answer())[0] for _ in range(2)} == {0, 2}
        await until(lambda: len(engine.submitted) == 5)
        engine.places = EngineCapacity(1, 3)  # it may say something else at any time
        asker.ask(9, x(9))
        engine.answer(3)
        assert (await asker.answer())[0] == 3
        assert (counts(it), len(engine.submitted)) == ((1, 1, 0), 5)
        engine.answer(4)
        await until(lambda: len(engine.submitted) == 6)
        engine.answer(5)
        assert [(await asker.answer())[0] for _ in range(2)] == [4, 9]
        metrics = it.service.metrics
        assert (counts(it), metrics.batches, metrics.rows) == ((0, 0, 0), 6, 6)
        text = metrics.text(replica="r", model="m", version=1, in_flight=0, memory=0)
        assert 'bms_model_server_engine_in_progress{replica="r",model="m",version="1"} 0\n' in text


async def test_beyond_what_may_wait_calls_are_refused_and_another_replica_may_have_a_place(tmp_path: Path) -> None:
    engine = ScriptedEngine(at_once=1, waiting=1)
    async with house(tmp_path) as it:
        asker = await served(it, engine)
        asker.ask_micro_batch(1, [x(1), x(2, 3), x(4)])
        frame = await asker.frame()
        error = frames.decode_error(frame)
        assert (error.code, error.retry, error.first, error.count) == ("RESOURCE_EXHAUSTED", True, 2, 1)
        assert error.message.startswith("1 requests are in progress and 1 wait, which is all that this replica takes")
        assert counts(it) == (1, 1, 1)
        engine.answer(0)
        assert await asker.told() == (1, 0, 1, "")
        await until(lambda: len(engine.submitted) == 2)
        assert engine.asked(1) == [2, 3]
        engine.answer(1)
        assert await asker.told() == (1, 1, 1, "")
        assert it.service.inflight.in_flight == 0
        assert [connection.open for connection in it.connections] == [{}]


async def test_higher_priority_goes_first(tmp_path: Path) -> None:
    engine = ScriptedEngine(at_once=1, waiting=9)
    async with house(tmp_path) as it:
        asker = await served(it, engine)
        asker.ask(1, x(1))
        for id, priority in ((2, 20), (3, 0), (4, 1)):
            tensors = [Tensor("x", x(id)["x"])]
            asker.writer.write(b"".join(frames.encode_infer(id, "", tensors, priority=priority)))
        await until(lambda: counts(it) == (1, 3, 0))
        order = []
        for number in range(4):
            await until(lambda number=number: len(engine.submitted) > number)  # type: ignore[misc]
            engine.answer(number)
            order.append((await asker.answer())[0])
        assert order == [1, 4, 3, 2]


async def test_a_deadline_ends_who_waits_and_who_is_in_progress_and_the_engine_is_told(tmp_path: Path) -> None:
    engine = ScriptedEngine(at_once=1)
    async with house(tmp_path) as it:
        asker = await served(it, engine)
        asker.ask(1, x(1), timeout_us=40_000)
        asker.ask(2, x(2), timeout_us=20_000)
        asker.ask(3, x(3), timeout_us=30_000_000)
        told = [frames.decode_error(await asker.frame()) for _ in range(2)]
        assert [error.code for error in told] == ["DEADLINE_EXCEEDED"] * 2
        assert told[0].message == "the request's time was used up waiting for the model"
        assert told[1].message == "the request's time was used up while the model answered"
        assert engine.cancelled == [0]
        assert counts(it) == (1, 1, 0), "it keeps its place until it has ended"
        engine.answer(0)
        await until(lambda: len(engine.submitted) == 2)
        deadline = engine.submitted[1][0].deadline
        assert deadline is not None
        assert engine.asked(1) == [3]
        engine.answer(1)
        assert (await asker.answer())[0] == 3
        assert it.service.inflight.in_flight == 0


async def test_who_gives_up_is_cancelled_where_it_is(tmp_path: Path) -> None:
    engine = ScriptedEngine(at_once=1)
    async with house(tmp_path) as it:
        asker, other = await served(it, engine), await it.asker()
        asker.ask(1, x(1))
        asker.ask(2, x(2))
        await until(lambda: counts(it) == (1, 1, 0))
        for id in (1, 2):
            asker.writer.write(frames.encode_plain(FrameType.CANCEL, id))
        await until(lambda: counts(it) == (1, 0, 0))
        assert (engine.cancelled, it.service.inflight.in_flight) == ([0], 0)
        await until(lambda: it.service.left.is_set())
        assert it.service.unattended_s > 0, "all its places are held for nobody"
        other.ask(1, x(3))
        engine.submitted[0][1].failed(Internal("it was cancelled"))
        await until(lambda: len(engine.submitted) == 2)
        assert it.service.unattended_s == 0
        other.writer.close()
        await until(lambda: engine.cancelled == [0, 1])
        engine.answer(1)
        await until(lambda: counts(it) == (0, 0, 0))
        assert it.service.metrics.errors == {"CANCELLED": 3}


async def test_who_gave_up_waiting_is_forgotten(tmp_path: Path) -> None:
    engine = ScriptedEngine(at_once=1)
    async with house(tmp_path) as it:
        asker = await served(it, engine)
        asker.ask(1, x(1))
        for id in range(2, 400):
            asker.ask(id, x(id))
            asker.writer.write(frames.encode_plain(FrameType.CANCEL, id))
        await until(lambda: it.service.metrics.errors == {"CANCELLED": 398})
        requests = it.service._engine
        assert requests is not None
        assert len(requests._waiting) < 100
        asker.ask(1000, x(7))
        engine.answer(0)
        await asker.answer()
        await until(lambda: len(engine.submitted) == 2)
        assert engine.asked(1) == [7]


async def test_parts_are_told_as_they_come_and_the_end_with_its_counts(tmp_path: Path) -> None:
    engine = ScriptedEngine()
    async with house(tmp_path) as it:
        asker = await served(it, engine)
        asker.ask(1, to(2), "count")
        await until(lambda: len(engine.submitted) == 1)
        _, events = engine.submitted[0]
        telling = threading.Thread(target=events.began)  # from any thread
        telling.start()
        telling.join()
        for number in range(2):
            events.part({"n": np.array([number])})
            assert await asker.answer() == (1, False, {"n": [number]})
        events.end(End("length", input_tokens=7, output_tokens=2, compute_ns=123))
        meta, tensors = frames.decode_answer(await asker.frame())
        assert (meta.final, tensors, meta.compute_ns, meta.end) == (True, [], 123, AnswerEnd("length", 7, 2))
        asker.ask(2, x(1))
        await until(lambda: len(engine.submitted) == 2)
        engine.answer(1, End("x" * 99, input_tokens=-1, output_tokens=1 << 60))
        meta, _ = frames.decode_answer(await asker.frame())
        assert meta.end == AnswerEnd("x" * 40, None, None), "what can't be true is not told"
        assert meta.compute_ns > 0
        asker.ask(3, to(2), "count")
        await until(lambda: len(engine.submitted) == 3)
        engine.submitted[2][1].part({"n": np.array([0])})
        engine.submitted[2][1].failed(Internal("torn"))
        await asker.answer()
        error = frames.decode_error(await asker.frame())
        assert (error.message, error.compute_ns > 0) == ("torn", True)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ([], "ended a request of 'serving_default' without an answer"),
        ([{"y": np.zeros((1, 2))}] * 2, "gave a second answer of 'serving_default'"),
        ([{"y": np.zeros((3, 2))}], r"shape \[3, 2\] for 1 rows"),
    ],
)
async def test_an_engine_that_breaks_its_word_fails_its_own_call(
    tmp_path: Path, outputs: list[dict[str, np.ndarray]], words: str
) -> None:
    engine = ScriptedEngine()
    async with house(tmp_path) as it:
        asker = await served(it, engine)
        asker.ask(1, x(1))
        await until(lambda: len(engine.submitted) == 1)
        for part in outputs:
            engine.submitted[0][1].part(part)
        engine.submitted[0][1].end(End())
        with pytest.raises(Internal, match=words):
            await asker.answer()
        asker.ask(2, x(2))
        await until(lambda: len(engine.submitted) == 2)
        engine.answer(1)
        assert (await asker.answer())[0] == 2
        await until(lambda: counts(it) == (0, 0, 0))


async def test_an_engine_that_takes_nothing_is_an_error_of_the_call(tmp_path: Path) -> None:
    engine = ScriptedEngine()
    async with house(tmp_path) as it:
        asker = await served(it, engine)
        for refuses, kind in (
            (ResourceExhausted("no"), "no"),
            (KeyError("k"), "handing a request to the engine failed"),
        ):
            engine.refuses = refuses
            asker.ask(1, x(1))
            with pytest.raises(BmsError, match=kind):
                await asker.answer()
        engine.refuses = None
        asker.ask(2, x(1))
        await until(lambda: len(engine.submitted) == 1)
        assert counts(it) == (1, 0, 0)


async def test_a_drain_waits_for_those_in_progress_and_those_that_wait(tmp_path: Path) -> None:
    engine = ScriptedEngine(at_once=1)
    async with house(tmp_path) as it:
        asker = await served(it, engine)
        asker.ask(1, x(1))
        asker.ask(2, x(2))
        await until(lambda: counts(it) == (1, 1, 0))
        drained = asyncio.ensure_future(it.service.drained())
        engine.answer(0)
        await asker.answer()
        await until(lambda: len(engine.submitted) == 2)
        assert not drained.done()
        engine.answer(1)
        assert (await asker.answer())[0] == 2
        await asyncio.wait_for(drained, 20)
    assert engine.closed == 1


async def test_images_that_were_prepared_go_to_the_engine(tmp_path: Path) -> None:
    engine = ScriptedEngine()
    servable = EngineFunction(engine)
    async with house(tmp_path) as it:
        it.load(servable, ImagePlan(DIGIT, servable.signatures, decode))
        asker = await it.asker()
        asker.ask(1, {"image": np.array([b"\x01\x02"], dtype=object)}, "image")
        await until(lambda: len(engine.submitted) == 1)
        engine.answer(0)
        assert await asker.answer() == (1, True, {"y": [[2, 4]]})
        assert servable.runs == []
