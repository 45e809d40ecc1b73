"""Large tensors handed to a real model server in shared memory, and hostile memory refused by it."""

import asyncio
import os
import socket
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from bms.adapters.replicas.link import ReplicaLink
from bms.core.tensors.tensor import Tensor
from bms.protocols.frames import AnswerMeta, ErrorMeta, FrameReader, FrameType, encode_plain, encode_shared
from tests.worlds.model_servers import TOKEN, mlp_config, model, rows, started

MANY = 6_000


class Sink:
    def __init__(self) -> None:
        self.answer: asyncio.Future[list[Tensor]] = asyncio.get_running_loop().create_future()

    def on_answer(self, meta: AnswerMeta, tensors: list[Tensor]) -> None:
        self.answer.set_result(tensors)

    def on_error(self, meta: ErrorMeta) -> None:
        self.answer.set_exception(AssertionError(meta.message))


async def _until(true: object) -> None:
    async with asyncio.timeout(10):
        while not true():  # type: ignore[operator]
            await asyncio.sleep(0.005)


def memory_of(pid: int) -> list[str]:
    with open(f"/proc/{pid}/maps") as maps:
        return [line for line in maps if "bms-arena" in line]


async def test_the_answers_are_those_of_the_model_run_directly_and_the_memory_is_free_again(tmp_path: Path) -> None:
    session = onnxruntime.InferenceSession(model("onnx/mlp") + "/model.onnx")
    with started(mlp_config(tmp_path)) as server:
        server.ready().close()
        link = ReplicaLink(f"unix:{server.path}", token=TOKEN)
        await _until(lambda: link.arena is not None)
        assert len(memory_of(server.process.pid)) == 1
        given = [rows(MANY, seed=seed)["x"] for seed in range(8)]
        sinks = [Sink() for _ in given]
        for sink, x in zip(sinks, given, strict=True):
            link.infer(sink, "serving_default", [Tensor("x", x)], 0, (), len(x), 64)
        await _until(lambda: link.arena is not None and len(link.arena) > 0)
        for sink, x in zip(sinks, given, strict=True):
            answer = dict(await asyncio.wait_for(sink.answer, 30))
            for output, expected in zip(session.get_outputs(), session.run(None, {"x": x}), strict=True):
                np.testing.assert_array_equal(answer[output.name], expected)
        assert link.arena is not None
        assert len(link.arena) == 0
        assert link.in_flight == 0
        link.close()


async def test_what_does_not_fit_is_sent(tmp_path: Path) -> None:
    with started(mlp_config(tmp_path)) as server:
        server.ready().close()
        link = ReplicaLink(f"unix:{server.path}", token=TOKEN)
        await _until(lambda: link.arena is not None)
        x = np.zeros((300_000, 64), dtype="<f4")  # 77 MB
        sink = Sink()
        link.infer(sink, "serving_default", [Tensor("x", x)], 0, (), len(x), 64)
        answer = await asyncio.wait_for(sink.answer, 60)
        assert len(answer[0].array) == 300_000
        link.close()


async def test_cancelled_calls_free_their_memory(tmp_path: Path) -> None:
    with started(mlp_config(tmp_path)) as server:
        server.ready().close()
        link = ReplicaLink(f"unix:{server.path}", token=TOKEN)
        await _until(lambda: link.arena is not None)
        calls = [link.infer(Sink(), "serving_default", [Tensor("x", rows(MANY)["x"])], 0, (), MANY, 64) for _ in "123"]
        await asyncio.sleep(0)  # they are written, and nothing was read since
        assert link.arena is not None
        assert len(link.arena) == 3
        for call in calls:
            link.cancel(call)
        assert link.arena is not None
        assert len(link.arena) == 0
        link.close()


def unsealed() -> int:
    fd = os.memfd_create("unsealed", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, 1 << 20)
    return fd


@pytest.mark.parametrize("file", ["unsealed", "pipe", "none"])
def test_memory_that_could_shrink_under_the_server_is_not_taken(tmp_path: Path, file: str) -> None:
    descriptors = {"unsealed": lambda: [unsealed()], "pipe": lambda: list(os.pipe()), "none": list}[file]()
    with started(mlp_config(tmp_path)) as server:
        server.ready().close()
        with socket.socket(socket.AF_UNIX) as asker:
            asker.connect(server.path)
            asker.settimeout(10)
            socket.send_fds(
                asker, [encode_plain(FrameType.HELLO, meta=TOKEN) + encode_plain(FrameType.SHARED)], descriptors
            )
            asker.sendall(encode_plain(FrameType.STATUS, 7))
            (frame,) = FrameReader().feed(asker.recv(1 << 16))
            assert (frame.kind, frame.id) == (FrameType.STATUS_ANSWER, 7), "and nothing said of memory"
            asker.sendall(b"".join(encode_shared(1, "serving_default", [Tensor("x", rows(1)["x"])], [0])))
            assert asker.recv(1) == b"", "a tensor in memory that nobody shares breaks the protocol"
        assert server.ready().status().state == "AVAILABLE"
    for descriptor in descriptors:
        os.close(descriptor)
