"""Frames come back whole however the stream is cut, and lying ones are refused."""

import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bms.core.errors import InvalidArgument
from bms.core.tensors.tensor import Tensor
from bms.protocols import frames
from bms.protocols.frames import Frame, FrameReader, FrameType


def _bytes(parts: list[bytes | memoryview]) -> bytes:
    return b"".join(bytes(part) for part in parts)


TENSORS = [
    Tensor("x", np.arange(6, dtype=np.float32).reshape(2, 3)),
    Tensor("s", np.array([b"a", b"bc"], dtype=object)),
]


@given(st.lists(st.integers(1, 40), max_size=30))
def test_a_stream_cut_anywhere_gives_the_same_frames(cuts: list[int]) -> None:
    stream = _bytes(frames.encode_infer(1, "default", TENSORS, timeout_us=5)) + frames.encode_error(
        2, "UNAVAILABLE", "draining", retry=True
    )
    stream += _bytes(frames.encode_answer(3, TENSORS, queue_ns=1, compute_ns=2, final=False))
    reader, received, at = FrameReader(), list[Frame](), 0
    for cut in [*cuts, len(stream)]:
        received += reader.feed(stream[at : at + cut])
        at += cut
    assert [(frame.kind, frame.id) for frame in received] == [
        (FrameType.INFER, 1),
        (FrameType.ERROR, 2),
        (FrameType.ANSWER, 3),
    ]
    meta, tensors = frames.decode_infer(received[0])
    assert (meta.signature, meta.timeout_us) == ("default", 5)
    for sent, got in zip(TENSORS, tensors, strict=True):
        assert sent.name == got.name
        np.testing.assert_array_equal(sent.array, got.array)
    assert frames.decode_error(received[1]) == frames.ErrorMeta("UNAVAILABLE", "draining", True)
    assert frames.decode_answer(received[2])[0].final is False


def test_received_arrays_stay_valid_while_more_arrives() -> None:
    reader = FrameReader()
    stream = _bytes(frames.encode_infer(1, "d", TENSORS))
    (frame,) = reader.feed(stream + stream[:10])
    _, tensors = frames.decode_infer(frame)
    list(reader.feed(stream[10:] + b"\xff" * 8))
    np.testing.assert_array_equal(tensors[0].array, TENSORS[0].array)


def test_an_error_may_say_when_to_come_again() -> None:
    (frame,) = FrameReader().feed(frames.encode_error(1, "RESOURCE_EXHAUSTED", "full", retry=False, wait_ms=7500))
    assert frames.decode_error(frame).wait_ms == 7500
    former = memoryview(msgspec.msgpack.encode(("A", "b", True)))  # of a model server that knows nothing of it
    assert frames.decode_error(Frame(FrameType.ERROR, 1, former, frame.raw)) == frames.ErrorMeta("A", "b", True)


def test_plain_frames_carry_no_tensors() -> None:
    (frame,) = FrameReader().feed(frames.encode_plain(FrameType.STATUS, 9))
    assert (frame.kind, frame.id, len(frame.meta), len(frame.raw)) == (FrameType.STATUS, 9, 0, 0)


@pytest.mark.parametrize("header", [(1 << 40, 0), (10, 11)])
def test_headers_that_cannot_be_true_are_refused(header: tuple[int, int]) -> None:
    with pytest.raises(InvalidArgument, match="frame declares"):
        list(FrameReader().feed(frames.HEADER.pack(*header, 1, 1)))


@pytest.mark.parametrize("size", [-1, 23, 25])
def test_tensors_that_contradict_the_frame_are_refused(size: int) -> None:
    meta = frames.InferMeta("d", 0, (), (frames.TensorMeta("x", "FP32", (2, 3), size),))
    encoded = frames._encode(meta)
    raw = struct.pack("<6f", *range(6))
    frame = Frame(FrameType.INFER, 1, memoryview(encoded), memoryview(raw))
    with pytest.raises(InvalidArgument):
        frames.decode_infer(frame)


@pytest.mark.parametrize("compute_ns", [-1, 2**53 + 1, 2**64 - 1])
def test_times_that_no_run_took_are_refused(compute_ns: int) -> None:
    """A model's own code may have written them; the books of others must not hear of it."""
    stream = _bytes(frames.encode_answer(1, TENSORS, compute_ns=compute_ns))
    reader = FrameReader()
    with pytest.raises(msgspec.DecodeError):
        for frame in reader.feed(stream):
            frames.decode_answer(frame)
