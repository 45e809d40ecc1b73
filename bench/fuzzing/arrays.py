"""Arrays as JSON: the fast ways to read and write them, against the plain ones."""

import json
import struct
from functools import partial
from random import Random

import msgspec
import numpy as np

from bms.core.tensors.outputs import OutputRows, Together
from bms.core.tensors.request import InferRequest, InferResponse
from bms.core.tensors.tensor import NUMPY, Array, Tensor
from bms.protocols.json.numbers import LARGE, large_array
from bms.protocols.json.tensors import array_of
from bms.protocols.oip import infer as oip
from bms.protocols.oip.rows import encode_rows
from fuzzing.hostile_json import NUMBERS
from fuzzing.target import Decoder, same

_DTYPES = tuple(NUMPY)
_SEEDS = [b"[[1,2],[3,4]]", b"[ [ 1 , 0 ] ]"]
_SPACES = ("", "", "", " ", "\n", "\t ")


def decoders() -> list[Decoder]:
    return [
        *(Decoder(f"json {dtype}", partial(_array, dtype), _seeds(dtype), make=partial(_of, dtype)) for dtype in NUMPY),
        Decoder("json large array", _large, [struct.pack("BB", *head) + seed for head in _HEADS for seed in _SEEDS],
                make=_headed),
        Decoder("oip shares", _share, [b"a", b"b"], make=lambda random: random.randbytes(8)),
    ]  # fmt: skip


_HEADS = [(_DTYPES.index(name), 2) for name in ("FP32", "FP64", "INT64", "INT8", "UINT32")]


def _array(dtype: str, data: bytes) -> bool:
    array_of(msgspec.Raw(data), dtype, 2, "x")
    return True


def _large(data: bytes) -> bool:
    """The data type's number, the rank, the text."""
    if len(data) < 2:
        return False
    dtype, rank, text = _DTYPES[data[0] % len(_DTYPES)], data[1] % 5, data[2 : LARGE + 2]
    fast = large_array(text, dtype, rank)
    if fast is None:
        return False
    same(_bits(fast), _bits(array_of(msgspec.Raw(text), dtype, rank, "x")), f"{dtype} of rank {rank}")
    return True


def _seeds(dtype: str) -> list[bytes]:
    kind = NUMPY[dtype].kind
    if kind in "bO":
        return [b"[[true,false],[false,true]]"] if kind == "b" else [b'[["a","\xc3\xa9"]]', b'[[{"b64":"AA=="}]]']
    return [*_SEEDS, *([b"[[1.5,-0.0],[1e3,2E-3]]"] if kind == "f" else [])]


def _of(dtype: str, random: Random) -> bytes:
    kind = NUMPY[dtype].kind
    if kind == "O":
        return _nested(
            random, [2, 2], lambda r: r.choice(('"a"', '"\\ud83d\\ude00"', '"\\ud83d"', '{"b64":"YQ=="}'))
        ).encode()
    if kind == "b":
        return _nested(random, [2, 2], lambda r: r.choice(("true", "false") * 9 + ("1", '"true"'))).encode()
    return _nested(random, [2, 2], _fraction if kind == "f" else random.choice((_small, _small, _whole))).encode()


def _bits(array: Array) -> object:
    return str(array.dtype), array.shape, array.tobytes()


def _headed(random: Random) -> bytes:
    return bytes((random.choice(_HEADS)[0], random.choice((1, 2, 2, 2, 3)))) + _text(random)


def _text(random: Random) -> bytes:
    """A nearly regular nested list of numbers at every limit, with spaces where JSON allows them."""
    shape = [random.choice((1, 2, 3)) for _ in range(random.choice((1, 2, 2, 2, 3)))]
    kind = random.choice((_whole, _fraction, _small))
    return _nested(random, shape, kind).encode()


def _nested(random: Random, shape: list[int], kind: object) -> str:
    if not shape:
        return kind(random)  # type: ignore[operator,no-any-return]
    size = shape[0] + (random.random() < 0.01)
    space = random.choice(_SPACES)
    return f"[{space}" + f",{space}".join(_nested(random, shape[1:], kind) for _ in range(size)) + f"{space}]"


def _whole(random: Random) -> str:
    sign = random.choice(("", "-"))
    return sign + str(random.choice((0, 1, 127, 128, 255, 1 << 24, (1 << 31) - 1, 1 << 53, (1 << 63) - 1, 1 << 63)))


def _small(random: Random) -> str:
    return str(random.randrange(-128, 256))


def _fraction(random: Random) -> str:
    what = random.randrange(4)
    if what == 0:
        return str(random.choice(NUMBERS[:-3]))[:330]
    if what == 1:
        whole = random.randrange(1 << 60)
        return f"{random.choice(('-', ''))}{whole}.{random.randrange(1 << 60)}e{random.randrange(-330, 310)}"
    if what == 2:  # halfway between two FP32 numbers
        value = struct.unpack("<f", struct.pack("<I", random.randrange(1 << 31)))[0]
        return repr(value) if np.isfinite(value) else "0"
    return random.choice(("-0", "-0.0", "0e0", "1E+2", "0.1e-1", "5e-324", "2.2250738585072011e-308", "1.0", "1e2"))


def _share(data: bytes) -> bool:
    """Outputs of calls that ran together, made from the seed that `data` is: the two encoders give the same bytes."""
    random = Random(data)
    rows = random.randrange(1, 6)
    tensors = [
        Tensor(name, _output(random, rows))
        for name in random.sample(["y", 'é"', "z\n", ""], random.choice((1, 1, 2, 3)))
    ]
    whole, at, taken = Together(tensors), 0, False
    while at < rows:
        end = at + random.randrange(1, rows - at + 1)
        share, id = OutputRows(whole, at, end), random.choice((None, "a", 'é"\\', ""))
        fast = encode_rows("m", 3, id, share)
        plain = [Tensor(name, array[at:end]) for name, array in tensors]
        if fast is not None:
            decoded = oip.DecodedInfer(InferRequest(model="m", inputs=[], signature="s"), end - at)
            slow = oip.encode_infer(InferResponse(model="m", version=3, outputs=plain, id=id), decoded)[0]
            if fast != slow:  # a number that is not finite, maybe another call's: all are spelled another way
                assert any(not np.isfinite(array).all() for _, array in tensors)
                same(repr(json.loads(fast)), repr(json.loads(slow)), "two ways to write a share")
            taken = True
        at = end
    return taken


def _output(random: Random, rows: int) -> Array:
    dtype = NUMPY[random.choice([name for name in _DTYPES if name not in ("BYTES", "FP16")])]
    shape = (rows, *(random.choice((1, 2, 3)) for _ in range(random.choice((0, 1, 1, 2)))))
    count = int(np.prod(shape))
    if dtype.kind == "b":
        return np.array([random.random() < 0.5 for _ in range(count)]).reshape(shape)
    raw = random.randbytes(count * dtype.itemsize)
    if dtype.kind == "f" and random.random() < 0.7:
        return np.array([random.uniform(-1e3, 1e3) for _ in range(count)], dtype).reshape(shape)
    return np.frombuffer(raw, dtype).reshape(shape)
