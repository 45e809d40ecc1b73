"""A model server of known functions, for tests of whoever talks frames.

As a program: `python -m tests.peers.frames_server SOCKET [delay seconds]`. Signatures: see `SIGNATURES`.
"""

import asyncio
import os
import sys
import time

import msgspec
import numpy as np

from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Tensor
from bms.core.workloads.programs import ServableStatus
from bms.protocols.frames import (
    AnswerEnd,
    Frame,
    FrameReader,
    FrameType,
    InferMeta,
    decode_infer,
    encode_answer,
    encode_error,
    encode_plain,
)


def _spec(name: str, dtype: str, *shape: int | None) -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=shape)  # type: ignore[arg-type]


SIGNATURES: dict[str, Signature] = {
    "serving_default": Signature(inputs=(_spec("x", "FP32", None, 4),), outputs=(_spec("y", "FP32", None, 4),)),
    "classes": Signature(
        inputs=(_spec("features", "FP32", None, 2),),
        outputs=(_spec("scores", "FP32", None, 2),),
        method="classify",
        scores="scores",
        labels=("no", "yes"),
    ),
    "number": Signature(
        inputs=(_spec("features", "FP32", None, 2),), outputs=(_spec("value", "FP32", None, 1),), method="regress"
    ),
    "image": Signature(
        inputs=(_spec("image", "BYTES", None),),
        outputs=(_spec("scores", "FP32", None, 2),),
        method="classify",
        scores="scores",
        labels=("odd", "even"),
    ),
    "text": Signature(
        inputs=(_spec("text", "BYTES", None),),
        outputs=(_spec("embedding", "FP32", None, 4), _spec("tokens", "INT32", None)),
    ),
    "two": Signature(
        inputs=(_spec("number", "INT64", None), _spec("text", "BYTES", None)),
        outputs=(_spec("number", "INT64", None), _spec("text", "BYTES", None), _spec("text_bytes", "BYTES", None)),
    ),
    "explain": Signature(inputs=(_spec("x", "FP32", None, 4),), outputs=(_spec("slope", "FP32", None, 4),)),
    "words": Signature(inputs=(_spec("prompt", "BYTES", None),), outputs=(_spec("word", "BYTES", None),)),
}
COUNTED = b"counted"  # a word of "words" that says how many tokens it took
ENDS = b"ended"  # the last word of "words", of which this server says how it ended, and with how many tokens
FAILS = b"fail"  # a word at which the stream of "words" breaks off


def compute(signature: str, tensors: list[Tensor]) -> list[Tensor]:
    """y = 2x + 1, explained by its slope; scores = (a, 1 - a); value = a + b; an image's scores by the parity of its
    size; a text's embedding = its size * (3, 0, 4, 0), and as many tokens; two = itself."""
    given = {tensor.name: tensor.array for tensor in tensors}
    if signature == "serving_default":
        return [Tensor("y", (given["x"] * np.float32(2) + np.float32(1)).astype("<f4"))]
    if signature == "explain":
        return [Tensor("slope", np.full_like(given["x"], 2))]
    if signature == "classes":
        first = given["features"][:, 0]
        return [Tensor("scores", np.stack([first, 1 - first], axis=1).astype("<f4"))]
    if signature == "number":
        return [Tensor("value", given["features"].sum(axis=1, keepdims=True).astype("<f4"))]
    if signature == "image":
        even = np.array([len(item) % 2 == 0 for item in given["image"]])
        return [Tensor("scores", np.stack([~even, even], axis=1).astype("<f4"))]
    if signature == "text":
        sizes = np.array([len(item) for item in given["text"]])
        vectors = sizes[:, None] * np.array([[3, 0, 4, 0]])
        return [Tensor("embedding", vectors.astype("<f4")), Tensor("tokens", sizes.astype("<i4"))]
    return [
        Tensor("number", given["number"]),
        Tensor("text", given["text"]),
        Tensor("text_bytes", given["text"]),
    ]


class FramesServer(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: "RunningServer") -> None:
        self.server = server
        self.reader = FrameReader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.server.connections.append(self)

    def data_received(self, data: bytes) -> None:
        for frame in self.reader.feed(data):
            if frame.kind in (FrameType.HELLO, FrameType.SHARED):  # this server asks for no token and takes no memory
                continue
            self.server.seen.append((frame.kind, frame.id))
            if frame.kind == FrameType.INFER:
                self.infer(frame)
            elif frame.kind == FrameType.CANCEL:
                self.server.cancelled.add(frame.id)
            elif frame.kind == FrameType.STATUS:
                status = ServableStatus(
                    replica="r", state="AVAILABLE", started_at=time.time_ns(), requests=len(self.server.seen)
                )
                self.write(encode_plain(FrameType.STATUS_ANSWER, frame.id, msgspec.msgpack.encode(status)))

    def infer(self, frame: Frame) -> None:
        if self.server.mode == "die":
            os._exit(9)
        if self.server.mode == "hold":
            return
        if self.server.mode == "leave":
            self.write(encode_error(frame.id, "UNAVAILABLE", "draining", retry=True))
            return
        if self.server.mode == "fail":
            self.write(encode_error(frame.id, "INTERNAL", "the model failed", retry=False, compute_ns=3000))
            return
        meta, tensors = decode_infer(frame)
        if meta.signature == "words":
            self.say(frame.id, tensors[0].array[0].split())
        elif self.server.delay_s:
            asyncio.get_running_loop().call_later(self.server.delay_s, self.answer, frame.id, meta, tensors)
        else:
            self.answer(frame.id, meta, tensors)

    def say(self, id: int, words: list[bytes]) -> None:
        """A part for each word, `delay_s` apart, and a final answer without outputs."""
        if id in self.server.cancelled:
            return
        if not words:
            self.write(b"".join(encode_answer(id, [], queue_ns=1000, compute_ns=2000)))
        elif words == [ENDS]:
            end = AnswerEnd("length", 7, 4)
            self.write(b"".join(encode_answer(id, [], queue_ns=1000, compute_ns=2000, end=end)))
        elif words[0] == FAILS:
            self.write(encode_error(id, "INTERNAL", "the model failed", retry=False))
        else:
            part = [Tensor("word", np.array(words[:1], dtype=object))]
            if words[0] == COUNTED:
                part.append(Tensor("output_tokens", np.array([3], dtype=np.int32)))
            self.write(b"".join(encode_answer(id, part, compute_ns=1000, final=False)))
            asyncio.get_running_loop().call_later(self.server.delay_s, self.say, id, words[1:])

    def answer(self, id: int, meta: InferMeta, tensors: list[Tensor]) -> None:
        outputs = compute(meta.signature, tensors)
        if meta.outputs:
            outputs = [tensor for tensor in outputs if tensor.name in meta.outputs]
        self.write(b"".join(encode_answer(id, outputs, queue_ns=1000, compute_ns=2000)))

    def write(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]


class RunningServer:
    """One that listens inside this process. `mode` is "answer", "hold" (never answers), "leave" (ERROR, retry), "fail"
    (ERROR after a run) or "die" (exits on INFER); it and the delay may be changed at any time."""

    def __init__(self, path: str, delay_s: float = 0.0, mode: str = "answer") -> None:
        self.path = path
        self.delay_s = delay_s
        self.mode = mode
        self.seen: list[tuple[int, int]] = []
        self.cancelled: set[int] = set()
        self.connections: list[FramesServer] = []

    async def __aenter__(self) -> "RunningServer":
        loop = asyncio.get_running_loop()
        self.server = await loop.create_unix_server(lambda: FramesServer(self), self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        self.drop()

    def drop(self) -> None:
        """Breaks all connections."""
        for connection in self.connections:
            connection.transport.abort()  # type: ignore[attr-defined]
        self.connections.clear()


async def _main(path: str, delay_s: float, mode: str) -> None:
    async with RunningServer(path, delay_s, mode):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 0.0, (*sys.argv, "answer", "answer")[3]))
