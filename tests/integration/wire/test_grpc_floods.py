"""HTTP/2's floods against a real gateway: the flood ends, its calls are ended, and everybody else is answered."""

import asyncio
import struct
import time
from pathlib import Path

import pytest

from bms.protocols.protobuf.pool import message
from bms.web.inference.grpc.messages import framed
from bms.web.inference.http2 import faults, frames
from bms.web.inference.http2.frames import PREFACE, frame
from bms.web.inference.http2.frames import settings as settings_frame
from bms.web.inference.http2.hpack import encode
from tests.peers.http2_peer import data, opening
from tests.worlds.gateways import Scene, scene

ASK = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [0, 1, 2, 3]}]}
MESSAGE = framed(
    message("inference.ModelInferRequest")(
        model_name="m", inputs=[{"name": "x", "datatype": "FP32", "shape": [1, 4]}], raw_input_contents=[bytes(16)]
    ).SerializeToString()
)
HELLO = PREFACE + settings_frame({}) + frame(frames.SETTINGS, frames.ACK, 0)


def block(here: Scene, path: bytes = b"/inference.GRPCInferenceService/ModelInfer") -> bytes:
    return encode(
        [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", path),
            (b"content-type", b"application/grpc"),
            (b"authorization", f"Bearer {here.key}".encode()),
        ]
    )


def calls(here: Scene, count: int, after: bytes = b"") -> bytes:
    """So many whole calls, each with a frame behind it whose head is `after` and which is about the call's stream."""
    head, out = block(here), []
    for stream in range(1, 2 * count, 2):
        out += (opening(stream, head), data(stream, MESSAGE, frames.END_STREAM))
        if after:
            out.append(after[:5] + struct.pack(">I", stream) + after[9:])
    return b"".join(out)


async def said(here: Scene, sent: bytes) -> bytes:
    """All that the gateway says to it, until it says no more."""
    reader, writer = await asyncio.open_connection(*here.process.address)
    writer.write(HELLO + sent)
    heard = b""
    try:
        while part := await asyncio.wait_for(reader.read(1 << 16), 3):
            heard += part
    except (TimeoutError, ConnectionError):
        pass
    writer.close()
    return heard


def goaway(heard: bytes) -> int | None:
    """The code of the GOAWAY that ends what was heard."""
    at, code = 0, None
    while at + 9 <= len(heard):
        size, kind = int.from_bytes(heard[at : at + 3], "big"), heard[at + 3]
        if kind == frames.GOAWAY:
            code = struct.unpack_from(">I", heard, at + 13)[0]
        at += 9 + size
    return code


def resident(pid: int) -> int:
    """Bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


async def worst_wait(here: Scene, until: asyncio.Event) -> float:
    """The longest that an honest client waits meanwhile, in seconds."""
    worst = 0.0
    async with here.client() as http:
        while not until.is_set():
            began = time.monotonic()
            assert (await http.get("/v2/health/live")).status_code == 200
            worst = max(worst, time.monotonic() - began)
    return worst


RESET = frame(frames.RST_STREAM, 0, 0, struct.pack(">I", faults.CANCEL))
FLOODS = {
    "rapid reset": lambda here: calls(here, 5000, RESET),
    "streams we are made to reset": lambda here: calls(here, 5000, frame(frames.WINDOW_UPDATE, 0, 0, bytes(4))),
    "pings": lambda here: frame(frames.PING, 0, 0, bytes(8)) * 50_000,
    "settings": lambda here: settings_frame({4: 70_000}) * 50_000,
    "empty data": lambda here: opening(1, block(here)) + data(1, b"") * 50_000,
    "continuation": lambda here: (
        frame(frames.HEADERS, 0, 1, block(here)) + frame(frames.CONTINUATION, 0, 1, bytes(1000)) * 5000
    ),
    "an HPACK bomb": lambda here: b"".join(
        opening(
            stream, block(here) + (b"\x40\x01a\x7f\xa1\x1d" + bytes(b"v" * 3872) if stream == 1 else b"\xbe" * 3000)
        )
        for stream in range(1, 4001, 2)
    ),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_ends_and_nobody_else_waits(tmp_path: Path, name: str) -> None:
    async with scene(tmp_path) as here:
        here.server.mode = "hold"
        await said(here, calls(here, 5) + frame(frames.GOAWAY, 0, 0, bytes(8)))
        before, over = resident(here.process.process.pid), asyncio.Event()
        honest = asyncio.create_task(worst_wait(here, over))
        heard = [await said(here, FLOODS[name](here)) for _ in range(2)]
        over.set()
        assert [goaway(each) for each in heard] == [faults.ENHANCE_YOUR_CALM] * 2
        assert await honest < 1.0
        assert resident(here.process.process.pid) - before < 32 << 20
        here.server.mode = "answer"
        here.server.drop()
        async with here.client() as http:
            async with asyncio.timeout(10):
                while (await http.post("/v2/models/m/infer", json=ASK)).status_code != 200:
                    await asyncio.sleep(0.05)  # until the model server is found again
            metrics = (await http.get("/metrics")).text
        assert 'bms_gateway_in_flight{gateway="0"} 0.0\n' in metrics


async def test_the_same_calls_without_the_flood_are_answered(tmp_path: Path) -> None:
    """The positive control: what is refused above is the flood, not its frames."""
    async with scene(tmp_path) as here:
        heard = await said(here, calls(here, 200) + frame(frames.GOAWAY, 0, 0, bytes(8)))
        assert goaway(heard) == faults.NO_ERROR
        assert heard.count(b"grpc-status\x010") == 200
