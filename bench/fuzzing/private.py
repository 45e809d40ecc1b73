"""What our own processes tell each other and write to disk: frames, the bus, the journal, the snapshot."""

import os
import struct
import tempfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from bms.adapters.journal.lives import read_runs
from bms.adapters.journal.records import pack, run_of, scan
from bms.adapters.snapshots.state_file import load_state, save_state
from bms.core.errors import InvalidArgument
from bms.core.serving.snapshot import (
    DeploymentEntry,
    KeyEntry,
    ReplicaAddress,
    ServedVersion,
    SnapshotState,
    SnapshotUpdate,
)
from bms.core.tensors.tensor import Tensor
from bms.core.usage import UsageEvent, UsageRun, runs_of
from bms.core.workloads.resources import Resources
from bms.core.workloads.workload import WorkloadSpec
from bms.protocols import bus, frames, node_agent
from fuzzing.dialects import SIGNATURES
from fuzzing.target import Decoder, same

_MEMORY = memoryview(bytes(4096))  # that a gateway has shared


def scratch(name: str) -> Path:
    """A file of this process, in memory where there is such a place."""
    folder = "/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir()
    return Path(folder) / f"bms-fuzz-{os.getpid()}-{name}"


def decoders() -> list[Decoder]:
    return [
        Decoder("frames of an asker", _asked, _FRAMES[:4], _ASKER_TAKES, repair=_frame_repaired),
        Decoder("frames of a model server", _answered, _FRAMES[4:7], _LINK_TAKES, repair=_frame_repaired),
        Decoder(
            "bus of a gateway", partial(_bus, bus.from_gateway.decode), _BUS[:4], _BUS_TAKES, repair=_message_repaired
        ),
        Decoder("bus of control", partial(_bus, bus.to_gateway.decode), _BUS[4:], _BUS_TAKES, repair=_message_repaired),
        Decoder("first bytes at a node agent", _first, _FIRSTS, (InvalidArgument,), repair=_message_repaired),
        Decoder(
            "questions to a node agent",
            partial(_questions, node_agent.to_agent.decode),
            _QUESTIONS[:3],
            (InvalidArgument,),
            repair=_message_repaired,
        ),
        Decoder(
            "questions of a node agent",
            partial(_questions, node_agent.to_control.decode),
            _QUESTIONS[3:],
            (InvalidArgument,),
            repair=_message_repaired,
        ),
        Decoder("journal", _journal, _JOURNALS),  # bytes with a right checksum are ours
        Decoder("snapshot file", _snapshot, [_snapshot_seed()], repair=_snapshot_repaired),
    ]


_TENSORS = [
    Tensor("x", np.arange(8, dtype=np.float32).reshape(2, 4)),
    Tensor("text", np.array([b"one", b""], dtype=object)),
    Tensor("e", np.zeros((0, 3))),
]
_FRAMES = [
    b"".join(frames.encode_infer(1, "serving_default", _TENSORS, 5000, ("y",))),
    b"".join(frames.encode_shared(1, "s", _TENSORS[:2], [64, -1], 5000, ("y",), 1)),
    b"".join(frames.encode_infer_calls(7, "s", [_TENSORS[:2], _TENSORS[:2]], (2, 2))),
    frames.encode_plain(frames.FrameType.CANCEL, 5) + b"".join(frames.encode_infer(1, "s", _TENSORS[:1])),
    b"".join(frames.encode_answer(2, _TENSORS, queue_ns=1, compute_ns=2, first=1, count=2)),
    b"".join(frames.encode_answer(6, [Tensor("deep", np.zeros((1,) * 60))], queue_ns=1, compute_ns=2)),
    frames.encode_error(3, "UNAVAILABLE", "come again", retry=True),
]
# What the two readers of frames handle: serving/inference/connection.py, adapters/replicas/link.py.
_ASKER_TAKES = (InvalidArgument, msgspec.MsgspecError, ValueError, OverflowError)
_LINK_TAKES = (InvalidArgument, msgspec.DecodeError)
_BUS_TAKES = (InvalidArgument, msgspec.DecodeError)
_EVENT = UsageEvent("gw_1", 7, 1_700_000_000, "default", "k", "dep_1", "digits", 1, "r", 200, 1, 900, 300, 5000)
_KEY = KeyEntry(id="k", tenant="t", user="u", role="developer", scopes=frozenset(), digest=b"d" * 32)
_VERSION = ServedVersion(
    number=1, state="AVAILABLE", signatures=SIGNATURES, replicas=(ReplicaAddress(id="r", address="unix:/r"),)
)
_ENTRY = DeploymentEntry(id="d", tenant="t", name="m", model="m", versions=(_VERSION,))
_BUS = [
    bus.encode(bus.GatewayHello(slot=0, source="gw_1", pid=1, revision=3)) + bus.encode(bus.Applied(4)),
    bus.encode(bus.UsageBatch("gw_1", runs_of((_EVENT, _EVENT)))),
    bus.encode(bus.ReplicaDown("rep_1")),
    bus.encode(bus.GatewayStats(slot=0, connections=1, in_flight=2, requests=3, metrics="a 1\n")),
    bus.encode(bus.UsageAck("gw_1", 9)),
    bus.encode(SnapshotUpdate(revision=1, full=True, puts=(_KEY, _ENTRY), pepper=b"p")),
]
_JOURNALS = [
    b"".join(pack(msgspec.msgpack.encode(run)) for run in (*runs_of((_EVENT,)), *runs_of((_EVENT,) * 3))),
    b"".join(pack(msgspec.msgpack.encode(msgspec.structs.astuple(_EVENT)[:14])) for _ in range(3)),  # before runs were
]
_run = msgspec.msgpack.Decoder(UsageRun)
_SPEC = WorkloadSpec(
    id="rep_1",
    kind="model_server",
    tenant="t",
    owner="rep_1",
    epoch=3,
    program="bms.app.model_server",
    config={"servable": {"model": "m"}},
    resources=Resources(),
    trees={"artifact": "sha256:" + "a" * 64},
)
_FIRSTS = [
    node_agent.encode(node_agent.AgentHello(1, "secret", "platform_a", "control")),
    node_agent.encode(node_agent.Relay("rep_1")) + b"frames",
]
_QUESTIONS = [
    node_agent.encode(node_agent.Ask(1, msgspec.Raw(node_agent.encode_body(what))))
    for what in (
        node_agent.StartAgentWorkload(_SPEC, b"sealed"),
        node_agent.RecordPiece("rep_1", "log", 7, 100),
        node_agent.EnvironmentDigests((_SPEC.environment,)),
        node_agent.ReadBlob("t", "sha256:" + "a" * 64, 7),
        node_agent.Take("t", 4),
    )
]


def _asked(data: bytes) -> bool:
    found = False
    for frame in frames.FrameReader(1 << 20).feed(data):
        if frame.kind == frames.FrameType.INFER:
            frames.decode_infer(frame, _MEMORY)
            found = True
    return found


def _answered(data: bytes) -> bool:
    found = False
    for frame in frames.FrameReader(1 << 20).feed(data):
        if frame.kind == frames.FrameType.ERROR:
            frames.decode_error(frame)
            found = True
        elif frame.kind == frames.FrameType.ANSWER:
            frames.decode_answer(frame)
            found = True
    return found


def _bus(decode: Callable[[bytes], object], data: bytes) -> bool:
    """In one piece and in two: the same messages."""
    whole = list(bus.message_reader().feed(data))
    halves = bus.message_reader()
    same([*halves.feed(data[: len(data) // 2]), *halves.feed(data[len(data) // 2 :])], whole, "messages in two pieces")
    for body in whole:
        decode(body)
    return bool(whole)


def _first(data: bytes) -> bool:
    found = node_agent.cut(data, node_agent.MAX_FIRST)
    if found is None:
        return False
    same(data[-len(found[1]) :] if found[1] else b"", found[1], "what comes after a first message")
    node_agent.first.decode(found[0])
    return True


def _questions(decode: Callable[[msgspec.Raw], object], data: bytes) -> bool:
    """In one piece and in two: the same messages."""
    whole = list(node_agent.message_reader().feed(data))
    halves = node_agent.message_reader()
    same([*halves.feed(data[: len(data) // 2]), *halves.feed(data[len(data) // 2 :])], whole, "messages in two pieces")
    for body in whole:
        said = node_agent.message.decode(body)
        if isinstance(said, node_agent.Ask):
            decode(said.what)
    return bool(whole)


def _journal(data: bytes) -> bool:
    """A segment as a former life left it: what is read stands in it, and reading on from its end finds no more."""
    path = scratch("segment")
    path.write_bytes(data)
    try:
        found = read_runs(path, 0, 1 << 20)
        rest = read_runs(path, found.end, 1 << 20)
    finally:
        path.unlink()
    records = scan(data)
    same((found.records, found.end), ([run_of(record) for record in records.records], records.end), "a segment")
    same(data[: found.end], b"".join(map(pack, records.records)), "records, packed again")
    assert not rest.records
    for run in found.records:
        _run.decode(run)
    return bool(found.records)


def _frame_repaired(data: bytes) -> bytes:
    """One frame with as long a body as there is."""
    return struct.pack("<Q", len(data) - 24) + data[8:] if len(data) > 24 else data


def _message_repaired(data: bytes) -> bytes:
    return struct.pack("<I", len(data) - 4) + data[4:] if len(data) > 4 else data


def _records_repaired(data: bytes) -> bytes:
    out, at = bytearray(data), 0
    while at + 8 <= len(out):
        (length,) = struct.unpack_from("<I", out, at)
        struct.pack_into("<I", out, at + 4, zlib.crc32(out[at + 8 : at + 8 + length]))
        at += 8 + length
    return bytes(out)


def _snapshot(data: bytes) -> bool:
    path = scratch("snapshot")
    path.write_bytes(data)
    try:
        return load_state(path) is not None
    finally:
        path.unlink()


def _snapshot_seed() -> bytes:
    path = scratch("snapshot")
    save_state(path, SnapshotState(revision=4, pepper=b"p", entries=(_KEY, _ENTRY)))
    try:
        return path.read_bytes()
    finally:
        path.unlink()


def _snapshot_repaired(data: bytes) -> bytes:
    return data[:4] + _records_repaired(data[4:])
