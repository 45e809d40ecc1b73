"""Broken bytes at a real gateway's port, before a real model server: HTTP/1.1 and HTTP/2, in pieces, slowly, given up.

It must answer or refuse them at once, live on, serve others meanwhile, keep its memory, have nothing to be ashamed of
in its logs, and bill what it answered.
"""

import re
import time
from collections import Counter
from collections.abc import Callable
from random import Random

from measuring.models import ROW, tensor
from measuring.platform import Platform
from measuring.protobuf import infer_request, predict_request
from measuring.requests import oip_binary, oip_json, tfs_json

from bms.web.inference.grpc.messages import framed
from bms.web.inference.http2 import frames
from bms.web.inference.http2.frames import PREFACE, frame
from bms.web.inference.http2.hpack import encode
from fuzzing import http1, http2
from fuzzing.bystander import Bystander
from fuzzing.grpc import bent
from fuzzing.header_blocks import head
from fuzzing.hostile_json import bodies
from fuzzing.judging import late, statuses, wrong_http1, wrong_http2
from fuzzing.mutations import mutated
from fuzzing.smuggling import CASES
from fuzzing.sockets import exchange
from fuzzing.watched import Finding, Tally

_SIDE_BY_SIDE = 40
_LONG_SILENCE_S = 0.5  # of an answer that does not come
_CHECKED = 400  # inputs between two looks at the gateway's health
_GROWTH = 256 << 20  # bytes that a gateway may take more at the end
_BOOKS_S = 15.0  # until control has counted the last event
_INFER = b"/inference.GRPCInferenceService/ModelInfer"
_PREDICT = b"/tensorflow.serving.PredictionService/Predict"
_COUNTED = re.compile(rb"^bms_gateway_requests_total\{[^}]*\} (\d+)$", re.MULTILINE)


def fuzz(seconds: float, seed: int) -> list[Tally]:
    """Raises Finding."""
    random = Random(seed)
    with Platform() as platform:
        platform.push()
        platform.deploy()
        pids, memory = platform.pids(), _memory(platform)
        smuggled = corpus(platform.port, platform.key)
        with Bystander(platform.port, platform.key) as bystander:
            tallies = _rounds(platform, random, seconds, pids, bystander)
            corpus(platform.port, platform.key)  # now that heads are remembered
        if _memory(platform) > memory + _GROWTH:
            raise Finding("gateway socket", b"", f"it grew from {memory:,} to {_memory(platform):,} bytes")
        _check_books(platform, bystander)
        return [smuggled, *tallies, Tally("a client that means well", len(bystander.answered), len(bystander.answered),
                                          seconds, bystander.slowest_s)]  # fmt: skip


def corpus(port: int, key: str) -> Tally:
    """What was made to be read in two ways, all of it twice. Raises Finding."""
    tally, began = Tally("smuggling corpus"), time.monotonic()
    inputs = [case.data.replace(b"{key}", key.encode()) for case in CASES]
    for _ in range(2):
        for case, data, said in zip(CASES, inputs, exchange(port, inputs, None, _LONG_SILENCE_S), strict=True):
            found = statuses(said.data)
            refused = bool(found) and found[-1] in (400, 405, 413, 431, 501)
            what = wrong_http1(data, said.data)
            if what is None and (len(found) != case.answers or (case.refused and not (refused and said.closed))):
                what = f"answers {found}, closed: {said.closed}"
            if what is not None:
                raise Finding("smuggling corpus", data, f"{case.name}: {what}")
            tally.cases += 1
            tally.taken += not case.refused
            tally.slowest_s = max(tally.slowest_s, said.first_s or 0.0)
    tally.seconds = time.monotonic() - began
    return tally


def _rounds(
    platform: Platform, random: Random, seconds: float, pids: dict[str, list[int]], bystander: Bystander
) -> list[Tally]:
    tallies = [Tally("http/1.1 socket"), Tally("http/2 socket")]
    ways = (_Http1(platform), _Http2(platform.key))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for way, tally in zip(ways, tallies, strict=True):
            began, recent = time.monotonic(), [way.make(random) for _ in range(_CHECKED)]
            for at in range(0, _CHECKED, _SIDE_BY_SIDE):
                _send(platform.port, recent[at : at + _SIDE_BY_SIDE], random, way.wrong, tally)
            tally.seconds += time.monotonic() - began
            if bystander.wrong:
                raise Finding("gateway socket", b"\n----\n".join(recent), bystander.wrong)
            _check_platform(platform, pids, b"\n----\n".join(recent))
    return tallies


def _send(
    port: int, inputs: list[bytes], random: Random, wrong: Callable[[bytes, bytes], str | None], tally: Tally
) -> None:
    for data, said in zip(inputs, exchange(port, inputs, random), strict=True):
        what = None if said.left else wrong(data, said.data)
        if what is None and late(said.first_s):  # it may have been this machine: alone, and once more
            (said,) = exchange(port, [data], None, 2.0)
            what = late(said.first_s)
        if what is not None:
            raise Finding(tally.name, data, what)
        tally.cases += 1
        tally.taken += b" 200 " in said.data or b"grpc-status" in said.data
        tally.slowest_s = max(tally.slowest_s, said.first_s or 0.0)


class _Http1:
    """Requests that a gateway knows, broken; requests put together from hostile lines."""

    wrong = staticmethod(wrong_http1)

    def __init__(self, platform: Platform) -> None:
        port, key = platform.port, platform.key
        bodies = [make(port, key).raw() for make in (oip_json, tfs_json, oip_binary)]
        head = f"host: a\r\nauthorization: Bearer {key}\r\n"
        post = f"POST /v1/models/digits:predict HTTP/1.1\r\n{head}"
        self._key = key.encode()
        self._seeds = [
            *bodies,
            bodies[0] + bodies[1],
            f"GET /v2/models/digits HTTP/1.1\r\n{head}\r\n".encode(),
            f"GET /v1/models HTTP/1.1\r\n{head}\r\n".encode(),
            f"GET /api/v1/models?limit=2 HTTP/1.1\r\n{head}\r\n".encode(),
            f"{post}transfer-encoding: chunked\r\n\r\n5\r\n{{\"ins\r\n3\r\ntan\r\n0\r\n\r\n".encode(),
            f"{post}expect: 100-continue\r\ncontent-length: 2\r\n\r\n{{}}".encode(),
            f"{post}content-length: 200000\r\n\r\n{{}}".encode(),
            f"POST /v2/repository/index HTTP/1.1\r\n{head}content-length: 2\r\n\r\n{{}}".encode(),
            f"POST /api/v1/models HTTP/1.1\r\n{head}content-length: 12\r\n\r\n{{\"name\":\"a\"}}".encode(),
            b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n",
        ]  # fmt: skip

    def make(self, random: Random) -> bytes:
        what = random.random()
        if what < 0.4:
            return self._asked(random)
        if what < 0.6:
            return (
                http1.made(random)
                .replace(b"Bearer k", b"Bearer " + self._key)
                .replace(b"/models/m/", b"/models/digits/")
            )
        return mutated(random, random.choice(self._seeds), self._seeds)

    def _asked(self, random: Random) -> bytes:
        """A request that is right but for its body, which is nearly so."""
        path, value = random.choice(_ASKED)
        body = bodies(random, [value])
        fields = b"host: a\r\nauthorization: Bearer %b\r\ncontent-length: %d\r\n" % (self._key, len(body))
        return b"POST %b HTTP/1.1\r\n%b%b\r\n%b" % (path, fields, random.choice(_ACCEPTED), body)


_ROW = [0.5] * 64
_X = {"name": "x", "datatype": "FP32", "shape": [1, 64], "data": _ROW}
_ASKED: tuple[tuple[bytes, object], ...] = (
    (b"/v1/models/digits:predict", {"instances": [_ROW]}),
    (b"/v1/models/digits:predict", {"inputs": {"x": [_ROW, _ROW]}}),
    (b"/v1/models/digits:classify", {"examples": [{"x": _ROW}]}),
    (b"/v2/models/digits/infer", {"inputs": [_X], "id": "a", "parameters": {"priority": 1}}),
    (b"/v2/models/digits/infer", {"inputs": [_X], "outputs": [{"name": "label", "parameters": {"binary_data": True}}]}),
    (b"/v2/models/digits/generate", {"x": _ROW}),
    (b"/v2/models/digits/generate_stream", {"x": [_ROW]}),
    (b"/v2/repository/index", {"ready": True}),
)
_ACCEPTED = (
    b"",
    b"",
    b"accept-encoding: gzip;q=0.5, *\r\n",
    b"x-request-id: a\r\n",
    b"content-type: application/json\r\n",
)


class _Http2:
    """Calls of a real method behind a right beginning, broken; frames in any order."""

    def __init__(self, key: str) -> None:
        known = (b"authorization", b"Bearer " + key.encode())
        asked = ((_INFER, infer_request), (_PREDICT, predict_request))
        self._calls = [
            (frame(frames.HEADERS, frames.END_HEADERS, 1, encode(head(path, known))), make("digits", "x", tensor(ROW)))
            for path, make in asked
        ]
        self._seeds = []
        for call, request in self._calls:
            message = framed(request)
            cut = frame(frames.DATA, 0, 1, message[:9]) + frame(frames.DATA, frames.END_STREAM, 1, message[9:])
            self._seeds += [call + frame(frames.DATA, frames.END_STREAM, 1, message), call + cut]

    def make(self, random: Random) -> bytes:
        what = random.random()
        if what < 0.3:
            call, request = random.choice(self._calls)
            data = call + frame(frames.DATA, frames.END_STREAM, 1, framed(bent(random, request)))
        elif what < 0.65:
            data = b"".join(http2.made_stream(random) for _ in range(random.choice((1, 1, 3))))
        else:
            data = mutated(random, random.choice(self._seeds), self._seeds)
        return (PREFACE if random.random() < 0.98 else PREFACE[:-1]) + frames.settings({}) + data

    def wrong(self, data: bytes, answer: bytes) -> str | None:
        return wrong_http2(answer)


def _memory(platform: Platform) -> int:
    return max(each.memory for each in platform.processes() if each.name.startswith("gateway"))


def _check_platform(platform: Platform, pids: dict[str, list[int]], recent: bytes) -> None:
    if platform.pids() != pids:
        raise Finding(
            "gateway socket", recent, "a process of the platform has died; the last inputs are saved together"
        )
    for log in platform.home.glob("logs/*.log"):
        text = log.read_text(errors="replace")
        if "Traceback" in text:
            at = text.index("Traceback")
            raise Finding("gateway socket", recent, f"{log.name} has: {text[at : at + 1500]}")


def _check_books(platform: Platform, bystander: Bystander) -> None:
    """As many events as the gateway counted answers, and one for each answer to the client that means well."""
    (said,) = exchange(platform.port, [b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n"], None, 1.0)
    counted, until = sum(map(int, _COUNTED.findall(said.data))), time.monotonic() + _BOOKS_S
    with platform.client() as client:
        while (billed := sum(each.requests for each in client.usage.summary())) < counted and time.monotonic() < until:
            time.sleep(0.2)
        events = Counter(event.request_id for event in client.usage.events() if event.status == 200)
    if billed != counted:
        raise Finding("usage", said.data, f"{counted} requests were answered, {billed} billed")
    wrong = [(id, events[id]) for id in bystander.answered if events[id] != 1]
    if wrong:
        raise Finding("usage", said.data, f"answered once, and billed as often as this: {wrong[:20]}")
