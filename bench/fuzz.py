"""Throws broken bytes at every decoder of what strangers send: `python bench/fuzz.py [SECONDS] [SEED]`.

Each round takes a good message, breaks it (bits, cuts, repeats, numbers out of range, deep nesting), decodes it. Good
behaviour is an answer or a BmsError; anything else is a finding, printed with the bytes that cause it.
"""

import random
import sys
import time
from collections.abc import Callable

import numpy as np

from bms.core.credentials import parse_authorization
from bms.core.digest import check_digest
from bms.core.errors import BmsError
from bms.core.pages import decode_cursor
from bms.core.resources import parse_size
from bms.core.signature import Signature, TensorSpec
from bms.protocols.oip import decode_infer
from bms.protocols.tfserving import decode_predict
from bms.protocols.tfserving_examples import decode_examples
from bms.sdk.infer_bodies import encode_columns, encode_json, encode_raw
from bms.web.inference.paths import read_path

ROWS = np.arange(8, dtype=np.float32).reshape(2, 4)
SIGNATURES = {
    "serving_default": Signature(
        inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 4)),),
        outputs=(TensorSpec(name="y", dtype="FP32", shape=(None, 2)),),
        method="classify",
        scores="y",
    )
}
RAW, RAW_LENGTH = encode_raw({"x": ROWS})
TORN: list[bytes] = [
    b"9" * 400, b"1e400", b"-1", b"[" * 3000, b"{\"a\":" * 3000, b"\xff\xfe", b"NaN", b"null", b"\x00", b"\"\\ud800\"",
]  # fmt: skip


TARGETS: list[tuple[str, Callable[[bytes], object], list[bytes]]] = [
    ("infer, JSON", lambda data: decode_infer(data, None, "m", SIGNATURES), [encode_json({"x": ROWS})]),
    ("infer, raw", lambda data: decode_infer(data, RAW_LENGTH, "m", SIGNATURES), [RAW]),
    ("infer, one raw input", lambda data: decode_infer(data, 0, "m", SIGNATURES), [ROWS.tobytes()]),
    (
        "predict",
        lambda data: decode_predict(data, "m", SIGNATURES),
        [encode_columns({"x": ROWS}), b'{"instances": [[1,2,3,4]]}', b'{"instances": [{"x": [1,2,3,4]}]}'],
    ),
    (
        "classify",
        lambda data: decode_examples(data, "m", SIGNATURES, "classify"),
        [b'{"examples": [{"x": [1, 2, 3, 4]}], "context": {}}'],
    ),
    ("path", lambda data: read_path(b"POST", data), [b"/v1/models/m/versions/3:predict", b"/v2/models/m/infer"]),
    ("authorization", lambda data: parse_authorization(data.decode("latin-1")), [b"Bearer bmsk_0.a"]),
    ("cursor", lambda data: decode_cursor(data.decode("latin-1")), [b"YWJj"]),
    ("digest", lambda data: check_digest(data.decode("latin-1")), [b"sha256:" + b"0" * 64]),
    ("size", lambda data: parse_size(data.decode("latin-1")), [b"1.5GiB"]),
]


def broken(good: bytes, chance: random.Random) -> bytes:
    """`good` after one to four accidents."""
    data = bytearray(good)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0 if data:
                data[at % len(data)] ^= 1 << chance.randrange(8)
            case 1:
                del data[at : at + chance.randint(1, 20)]
            case 2:
                data[at:at] = chance.choice(TORN)
            case 3:
                data[at:at] = data[chance.randrange(len(data) + 1) :][: chance.randint(1, 40)]
            case 4:
                data[at:at] = chance.randbytes(chance.randint(1, 8))
            case _:
                data = data[:at]
    return bytes(data)


def fuzz(seconds: float, seed: int) -> int:
    """Runs for `seconds`; the number of findings."""
    chance = random.Random(seed)
    counts = dict.fromkeys((name for name, _, _ in TARGETS), 0)
    findings: dict[str, str] = {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        name, decode, goods = chance.choice(TARGETS)
        data = broken(chance.choice(goods), chance)
        counts[name] += 1
        try:
            decode(data)
        except BmsError:
            continue
        except Exception as error:  # noqa: BLE001 - to find any other is what this is for
            findings.setdefault(f"{name}: {type(error).__name__}", f"{error}\n    {data[:300]!r}")
    for name, count in counts.items():
        print(f"{count:>9} {name}")
    for what, how in findings.items():
        print(f"FOUND {what}: {how}")
    print(f"seed {seed}: {sum(counts.values())} inputs, {len(findings)} findings")
    return len(findings)


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(fuzz(float(given[0]) if given else 30.0, int(given[1]) if given[1:] else time.time_ns() % 10**6) > 0)
