"""What is aimed at: each decoder with good inputs to begin from and the only errors it may raise."""

import os
import struct
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from google_crc32c import value as crc32c

from bms.adapters.datasets.example_codec import decode_example, encode_example
from bms.adapters.datasets.tfrecord import read_records, write_records
from bms.core.errors import BmsError, InvalidArgument
from bms.core.signature import Signature, TensorSpec
from bms.core.snapshot import SnapshotUpdate
from bms.core.tensor import NUMPY, Tensor
from bms.core.usage import UsageEvent
from bms.protocols import bus, frames, oip, tfserving, tfserving_examples
from bms.protocols.json_tensors import array_of
from bms.web.inference.paths import read_path

_TEXT = np.array([b"one", b""], dtype=object)
SIGNATURES = {
    "serving_default": Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 4)),), outputs=()),
    "several": Signature(
        inputs=(
            TensorSpec(name="number", dtype="INT64", shape=(None,)),
            TensorSpec(name="text", dtype="BYTES", shape=(None, 2)),
            TensorSpec(name="flag", dtype="BOOL", shape=(None, None)),
        ),
        outputs=(),
    ),
}


class Decoder(NamedTuple):
    """`run` may raise `allowed` and nothing else."""

    name: str
    run: Callable[[bytes], object]
    seeds: list[bytes]
    allowed: tuple[type[Exception], ...] = (BmsError,)
    repair: Callable[[bytes], bytes] | None = None  # makes checksums right again


def decoders() -> list[Decoder]:
    scratch = Path("/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir()) / f"bms-fuzz-{os.getpid()}"
    return [
        Decoder("tfserving predict", lambda body: tfserving.decode_predict(body, "m", SIGNATURES), _TFS),
        *(
            Decoder(
                f"tfserving {verb}",
                partial(tfserving_examples.decode_examples, model="m", signatures=SIGNATURES, verb=verb),
                _EXAMPLES,
            )
            for verb in ("classify", "regress")
        ),
        Decoder("oip json", lambda body: oip.decode_infer(body, None, "m", SIGNATURES), _OIP),
        Decoder("oip binary", _oip_binary, _OIP_BINARY),
        *(
            Decoder(f"json {dtype}", partial(_array, dtype), [b"[[1,2],[3,4]]", b'[["a","b"]]', b"[[true,false]]"])
            for dtype in NUMPY
        ),
        Decoder("path", lambda target: read_path(b"POST", target), _PATHS),
        Decoder("frames of an asker", _asked, _FRAMES, _ASKER_TAKES),
        Decoder("frames of a model server", _answered, _FRAMES, _LINK_TAKES),
        Decoder(
            "bus of a gateway", partial(_bus, bus.from_gateway.decode), _BUS, (InvalidArgument, msgspec.DecodeError)
        ),
        Decoder("bus of control", partial(_bus, bus.to_gateway.decode), _BUS, (InvalidArgument, msgspec.DecodeError)),
        Decoder("tf.train.Example", decode_example, _TRAIN_EXAMPLES),
        Decoder("TFRecord", partial(_records, scratch), _records_seeds(scratch), repair=_checksummed),
    ]


_TFS = [
    b'{"instances":[[1.5,2,3,-4e2],[0,0,0,0]]}',
    b'{"signature_name":"several","inputs":{"number":[1,2],"text":[["a","b"],["c",{"b64":"AA=="}]],"flag":[[true],[false]]}}',
    b'{"signature_name":"several","instances":[{"number":1,"text":["\xc3\xa9","b"],"flag":[true,false]}]}',
    b'{"inputs":{"x":[[1,2,3,4]]}}',
]
_EXAMPLES = [
    b'{"examples":[{"x":[1,2,3,4]},{"x":[5,6,7,8.5]}]}',
    b'{"signature_name":"several","context":{"flag":[true]},"examples":[{"number":1,"text":["a",{"b64":"AA=="}]}]}',
]
_OIP = [
    b'{"id":"1","inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}],"outputs":[]}',
    b'{"inputs":[{"name":"x","shape":[2,4],"datatype":"FP32","data":[[1,2,3,4],[1,2,3,NaN]]}],"parameters":{"timeout":5}}',
    b'{"inputs":[{"name":"number","shape":[1],"datatype":"INT64","data":[9]},{"name":"text","shape":[1,2],"datatype":'
    b'"BYTES","data":["a","b"]},{"name":"flag","shape":[1,1],"datatype":"BOOL","data":[true]}],"parameters":'
    b'{"signature_name":"several"}}',
]
_HEAD = b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}]}'
_TEXT_HEAD = (
    b'{"inputs":[{"name":"number","shape":[1],"datatype":"INT64","parameters":{"binary_data_size":8}},{"name":"text",'
    b'"shape":[1,2],"datatype":"BYTES","parameters":{"binary_data_size":11}},{"name":"flag","shape":[1,1],"datatype":'
    b'"BOOL","parameters":{"binary_data_size":1}}]}'
)
_TEXT_RAW = struct.pack("<q", 5) + struct.pack("<I", 3) + b"one" + struct.pack("<I", 0) + b"\1"
_OIP_BINARY = [  # the length of the JSON part first
    struct.pack("<H", len(_HEAD)) + _HEAD + np.arange(4, dtype="<f4").tobytes(),
    struct.pack("<H", len(_TEXT_HEAD)) + _TEXT_HEAD + _TEXT_RAW,
    struct.pack("<H", 0) + bytes(32),
]
_PATHS = [
    b"/v1/models/digits/versions/3:predict",
    b"/v1/models/digits/labels/stable:classify",
    b"/v2/models/digits/versions/1/infer",
    b"http://host/v2/models/%C3%A9/ready?x=1",
]
_TENSORS = [
    Tensor("x", np.arange(8, dtype=np.float32).reshape(2, 4)),
    Tensor("text", _TEXT),
    Tensor("e", np.zeros((0, 3))),
]
_FRAMES = [
    b"".join(frames.encode_infer(1, "serving_default", _TENSORS, 5000, ("y",))),
    b"".join(frames.encode_answer(2, _TENSORS, queue_ns=1, compute_ns=2)),
    b"".join(frames.encode_answer(6, [Tensor("deep", np.zeros((1,) * 60))], queue_ns=1, compute_ns=2)),
    frames.encode_error(3, "UNAVAILABLE", "come again", retry=True),
    frames.encode_plain(frames.Kind.STATUS, 4) + frames.encode_plain(frames.Kind.CANCEL, 5),
]
# What the two readers of frames handle: serving/inference/connection.py, adapters/replicas/link.py.
_ASKER_TAKES = (InvalidArgument, msgspec.MsgspecError, ValueError, OverflowError)
_LINK_TAKES = (InvalidArgument, msgspec.DecodeError)
_EVENT = UsageEvent("gw_1", 7, 1_700_000_000, "default", "k", "dep_1", "digits", 1, "r", 200, 1, 900, 300, 5000)
_BUS = [
    bus.encode(bus.Hello(slot=0, source="gw_1", pid=1, revision=3)) + bus.encode(bus.Applied(4)),
    bus.encode(bus.UsageBatch("gw_1", (_EVENT, _EVENT))),
    bus.encode(bus.UsageAck("gw_1", 9)) + bus.encode(bus.ReplicaDown("rep_1")),
    bus.encode(SnapshotUpdate(revision=1, full=True, puts=(), pepper=b"p")),
    bus.encode(bus.GatewayStats(slot=0, connections=1, in_flight=2, requests=3, metrics="a 1\n")),
]
_TRAIN_EXAMPLES = [
    encode_example({"bytes": [b"a", b""], "floats": np.arange(4, dtype=np.float32), "ints": np.array([-1, 1 << 40])}),
    encode_example({"none": None, "many": np.arange(200)}),
]


def _oip_binary(data: bytes) -> object:
    return oip.decode_infer(data[2:], int.from_bytes(data[:2], "little"), "m", SIGNATURES)


def _array(dtype: str, data: bytes) -> object:
    return array_of(msgspec.Raw(data), dtype, 2, "x")


def _asked(data: bytes) -> None:
    for frame in frames.FrameReader(1 << 20).feed(data):
        if frame.kind == frames.Kind.INFER:
            frames.decode_infer(frame)


def _answered(data: bytes) -> None:
    for frame in frames.FrameReader(1 << 20).feed(data):
        if frame.kind == frames.Kind.ERROR:
            frames.decode_error(frame)
        elif frame.kind == frames.Kind.ANSWER:
            frames.decode_answer(frame)


def _bus(decode: Callable[[bytes], object], data: bytes) -> None:
    for body in bus.MessageReader().feed(data):
        decode(body)


def _records(scratch: Path, data: bytes) -> None:
    scratch.write_bytes(data)
    try:
        for record in read_records(scratch, 1 << 20):
            decode_example(record)
    finally:
        scratch.unlink()


def _records_seeds(scratch: Path) -> list[bytes]:
    write_records(scratch, [*_TRAIN_EXAMPLES, b""])
    try:
        return [scratch.read_bytes()]
    finally:
        scratch.unlink()


def _checksummed(data: bytes) -> bytes:
    """The same frames with right checksums, for as far as they can be followed; else all is found at the first one."""
    out, at = bytearray(data), 0
    while at + 12 <= len(out):
        (length,) = struct.unpack_from("<Q", out, at)
        struct.pack_into("<I", out, at + 8, _masked(bytes(out[at : at + 8])))
        if length > len(out) - at - 16:
            break
        end = at + 12 + length
        struct.pack_into("<I", out, end, _masked(bytes(out[at + 12 : end])))
        at = end + 4
    return bytes(out)


def _masked(data: bytes) -> int:
    crc: int = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
