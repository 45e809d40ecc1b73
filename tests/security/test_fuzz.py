"""Nearly right bytes at every door: an answer or a refusal, never a crash, an internal error or a long wait.

The seeds are fixed. A longer run: `python -m tests.security.test_fuzz ROUNDS PORT KEY` against a platform.
"""

import socket
import sys
import time
from collections.abc import Callable
from random import Random

import httpx
import msgspec
import pytest

from bms.adapters.journal.records import pack, scan
from bms.app.home.directory import Home
from bms.core.errors import BmsError, InvalidArgument
from bms.core.tensors.tensor import Tensor
from bms.protocols import frames
from bms.protocols.bus import Applied, GatewayHello, encode, from_gateway, message_reader, to_gateway
from bms.protocols.frames import FrameReader
from bms.protocols.oip.generate import decode_generate
from bms.protocols.oip.infer import decode_infer
from bms.protocols.oip.repository import decode_index
from bms.protocols.tfserving.examples import decode_examples
from bms.protocols.tfserving.predict import decode_content, decode_predict
from bms.web.inference.http.answers import plain_error
from tests.peers.frames_server import SIGNATURES
from tests.security.mutations import bodies, mangled
from tests.security.wires import listen
from tests.worlds.platforms import RealPlatform

ROW = {"instances": [[0.0] * 64]}
X = {"name": "x", "datatype": "FP32", "shape": [1, 64], "data": [0.5] * 64}
INFER = {"inputs": [X], "outputs": [{"name": "label"}], "id": "a", "parameters": {"timeout": 1000000}}
PAIR = {"name": "number", "datatype": "INT64", "shape": [1], "data": [1]}
TEXT = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["é"]}
SEEDS: list[tuple[Callable[[bytes], object], object]] = [
    (lambda body: decode_predict(body, "m", SIGNATURES), {"instances": [[1, 2, 3, 4]], "signature_name": "two"}),
    (lambda body: decode_predict(body, "m", SIGNATURES), {"inputs": {"number": [1], "text": [{"b64": "AA=="}]}}),
    (lambda body: decode_predict(body, "m", SIGNATURES), {"instances": [{"number": 1, "text": "a"}]}),
    (lambda body: decode_infer(body, None, "m", SIGNATURES), {**INFER, "inputs": [{**X, "shape": [16, 4]}]}),
    (lambda body: decode_infer(body, None, "m", SIGNATURES), {"inputs": [PAIR, TEXT], "parameters": {}}),
    (
        lambda body: decode_examples(body, "m", SIGNATURES, "classify"),
        {"examples": [{"features": [0.5, 1.5]}, {"features": [1, 2]}], "context": {}, "signature_name": "classes"},
    ),
    (lambda body: decode_generate(body, "m", SIGNATURES), {"number": 1, "text": "a", "parameters": {"timeout": 9}}),
    (lambda body: decode_generate(body, "m", SIGNATURES), {"x": [1, 2, 3, 4], "id": "7", "stream": True}),
    (decode_index, {"ready": True}),
]
ACCEPTED = {200, 201, 400, 401, 403, 404, 405, 408, 409, 412, 413, 414, 429, 431, 501, 503, 504, 505}


def fuzz_decoders(seed: int, count: int) -> int:
    """The number of bodies that were still taken."""
    random, taken = Random(seed), 0
    for decode, value in SEEDS:
        for body in bodies(random, value, count):
            try:
                decode(body)
                taken += 1
            except BmsError as error:
                plain_error(error)  # it must be possible to say
    for _ in range(count):
        head = next(bodies(random, {"inputs": [{**X, "data": None, "parameters": {"binary_data_size": 256}}]}, 1))
        body = mangled(random, head + bytes(256))
        for length in (len(head), random.randrange(len(body) + 2), 0):
            try:
                decode_infer(body, length, "m", SIGNATURES)
            except BmsError as error:
                plain_error(error)
        try:
            decode_content(body, "m", SIGNATURES, "predict", "image")
        except BmsError as error:
            plain_error(error)
    return taken


def fuzz_frames(seed: int, count: int) -> int:
    random, whole = Random(seed), 0
    import numpy as np

    tensors = [Tensor("x", np.zeros((2, 4), np.float32)), Tensor("t", np.array([b"a", b""], dtype=object))]
    good = [
        b"".join(frames.encode_infer(1, "s", tensors, 5, ("y",))),
        b"".join(frames.encode_answer(2, tensors, queue_ns=1, compute_ns=2)),
        frames.encode_error(3, "UNAVAILABLE", "x", retry=True),
    ]
    for _ in range(count):
        data = mangled(random, b"".join(random.choices(good, k=3)))
        reader = FrameReader()
        try:
            for at in range(0, len(data), step := random.randrange(1, 200)):
                for frame in reader.feed(data[at : at + step]):
                    for decode in (frames.decode_infer, frames.decode_answer, frames.decode_error):
                        try:
                            decode(frame)
                            whole += 1
                        except (InvalidArgument, msgspec.DecodeError):
                            continue
        except (InvalidArgument, msgspec.DecodeError):
            continue
    return whole


def fuzz_bus(seed: int, count: int) -> int:
    random, whole = Random(seed), 0
    good = encode(GatewayHello(slot=0, source="gw_1", pid=1, revision=0)) + encode(Applied(7))
    for _ in range(count):
        data = mangled(random, good)
        reader = message_reader()
        try:
            for body in reader.feed(data):
                for decoder in (from_gateway, to_gateway):
                    try:
                        decoder.decode(body)
                        whole += 1
                    except msgspec.DecodeError:
                        continue
        except InvalidArgument:
            continue
    return whole


def fuzz_journal(seed: int, count: int) -> int:
    random, whole = Random(seed), 0
    good = [random.randbytes(random.randrange(1, 200)) for _ in range(5)]
    for _ in range(count):
        found = scan(mangled(random, b"".join(map(pack, good))))
        assert all(record in good for record in found.records)
        whole += len(found.records)
    return whole


def fuzz_http(seed: int, count: int, port: int, key: str) -> dict[str, int]:
    """How often each status (or a plain end) was the answer. Raises AssertionError for a bad one."""
    random = Random(seed)
    seen: dict[str, int] = {}
    targets = [
        ("POST", "/v1/models/digits:predict", ROW),
        ("POST", "/v2/models/digits/infer", INFER),
        ("POST", "/v2/models/digits/generate", {"x": [0.0] * 64}),
        ("POST", "/v2/models/digits/generate_stream", {"x": [0.0] * 64}),
        ("POST", "/v1/embeddings", {"model": "digits@1", "input": ["a", "b"], "dimensions": 2}),
        ("POST", "/v2/repository/index", {"ready": True}),
        ("GET", "/v2/models/digits/stats", None),
        ("GET", "/v1/models/digits/metadata", None),
        ("GET", "/api/v1/models?limit=5", None),
        ("POST", "/api/v1/models", {"name": "fuzzed", "description": "x"}),
        ("PATCH", "/api/v1/models/digits", {"description": "x"}),
        ("POST", "/api/v1/jobs", {"recipe": "no-such-recipe", "parameters": {"a": 1}}),
    ]
    for number in range(count):
        method, path, value = random.choice(targets)
        body = b"" if value is None else next(bodies(random, value, 1))
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        data = head.encode() + body
        if random.random() < 0.6:
            data = mangled(random, data)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            began = time.monotonic()
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # refused before all of it was sent
            heard = listen(connection, 5.0, began)
        assert heard.seconds < 1.0, (seed, number, data[:300], heard.seconds)
        assert heard.closed, (seed, number, data[:300])
        for status in heard.statuses or ["ended"]:
            seen[str(status)] = seen.get(str(status), 0) + 1
            assert status == "ended" or status in ACCEPTED, (seed, number, data[:600], heard.data[:600])
    return seen


@pytest.mark.parametrize("seed", range(3))
def test_decoders_answer_or_refuse(seed: int) -> None:
    assert fuzz_decoders(seed, 1500) > 100  # and not everything was refused for one reason


def test_frames_are_read_or_refused() -> None:
    assert fuzz_frames(1, 4000) > 1000


def test_messages_of_the_bus_are_read_or_refused() -> None:
    assert fuzz_bus(1, 4000) > 1000


def test_a_damaged_journal_gives_back_only_what_was_written() -> None:
    assert fuzz_journal(1, 4000) > 4000


def test_zeros_after_a_crash_of_the_machine_are_no_records() -> None:
    found = scan(pack(b"a") + bytes(4096))
    assert (found.records, found.torn) == ([b"a"], True)


def test_the_gateway_and_control_answer_or_refuse(platform: RealPlatform, port: int, call: httpx.Client) -> None:
    seen = fuzz_http(1, 1500, port, platform.key)
    assert seen.get("200", 0) > 50
    assert seen.get("400", 0) > 200
    assert call.post("/v1/models/digits:predict", json=ROW).status_code == 200


def test_garbage_on_the_private_sockets_ends_that_connection_alone(platform: RealPlatform, call: httpx.Client) -> None:
    random = Random(7)
    before = (platform.home / "run" / "processes.json").read_bytes()
    run_dir = Home(platform.home).run_dir()
    for path in (*run_dir.glob("*.sock"), *run_dir.glob("*/s")):
        for _ in range(20):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(10)
                connection.connect(str(path))
                try:
                    connection.sendall(random.randbytes(random.choice((1, 16, 5000))))
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(1 << 16):
                        pass
                except (BrokenPipeError, ConnectionResetError):
                    continue
        assert call.post("/v1/models/digits:predict", json=ROW).status_code == 200, path.name
        assert call.get("/api/v1/whoami").status_code == 200, path.name
    assert (platform.home / "run" / "processes.json").read_bytes() == before  # nobody had to be started again


if __name__ == "__main__":
    rounds, to, with_key = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    for each in range(1000, 1000 + rounds):
        fuzz_decoders(each, 500)
        fuzz_frames(each, 1000)
        fuzz_bus(each, 1000)
        fuzz_journal(each, 1000)
        print(each, fuzz_http(each, 500, to, with_key), flush=True)
