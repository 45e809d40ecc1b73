"""Broken requests at a real gateway's socket: it must answer or refuse them, live on, and have nothing to be ashamed of
in its log."""

import select
import socket
import time
from random import Random

from measuring.platform import Platform
from measuring.requests import oip_binary, oip_json, tfs_json

from fuzzing.mutations import mutated
from fuzzing.watched import Finding

_WAIT_S = 0.05  # of silence; what is incomplete gets no answer
_SIDE_BY_SIDE = 40
_CHECKED = 400  # inputs between two looks at the gateway's health


def fuzz(seconds: float, seed: int) -> int:
    """The number of inputs sent. Raises Finding for an internal error, a dead gateway or a traceback in its log."""
    random = Random(seed)
    with Platform() as platform:
        platform.push()
        platform.deploy()
        seeds = _seeds(platform)
        first = platform.pids()
        count, recent, end = 0, [b""], time.monotonic() + seconds
        while time.monotonic() < end:
            recent = [mutated(random, random.choice(seeds), seeds) for _ in range(_CHECKED)]
            for at in range(0, _CHECKED, _SIDE_BY_SIDE):
                sent = recent[at : at + _SIDE_BY_SIDE]
                for data, answer in zip(sent, _exchange(platform.port, sent, random), strict=True):
                    _check_answer(data, answer)
            count += len(recent)
            _check_platform(platform, first, b"\n----\n".join(recent))
        return count


def _seeds(platform: Platform) -> list[bytes]:
    port, key = platform.port, platform.key
    bodies = [make(port, key).raw() for make in (oip_json, tfs_json, oip_binary)]
    head = f"host: a\r\nauthorization: Bearer {key}\r\n"
    return [
        *bodies,
        bodies[0] + bodies[1],
        f"GET /v2/models/digits HTTP/1.1\r\n{head}\r\n".encode(),
        f"GET /v1/models HTTP/1.1\r\n{head}\r\n".encode(),
        f"GET /api/v1/models?limit=2 HTTP/1.1\r\n{head}\r\n".encode(),
        f"POST /v1/models/digits:predict HTTP/1.1\r\n{head}transfer-encoding: chunked\r\n\r\n"
        "5\r\n{\"ins\r\n3\r\ntan\r\n0\r\n\r\n".encode(),
        f"POST /api/v1/models HTTP/1.1\r\n{head}content-length: 12\r\n\r\n{{\"name\":\"a\"}}".encode(),
        b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n",
    ]  # fmt: skip


def _exchange(port: int, requests: list[bytes], random: Random) -> list[bytes]:
    """What comes back to each, sent side by side, in pieces or at once; nothing where the gateway waits for more."""
    connections = [socket.create_connection(("127.0.0.1", port), 5) for _ in requests]
    answers = dict.fromkeys(connections, b"")
    try:
        for connection, data in zip(connections, requests, strict=True):
            middle = random.randrange(len(data) + 1) if random.random() < 0.3 else len(data)
            try:
                connection.sendall(data[:middle])
                connection.sendall(data[middle:])
            except ConnectionError:
                continue  # refused before its end
        waiting = set(connections)
        while waiting and (ready := select.select(list(waiting), [], [], _WAIT_S)[0]):
            for connection in ready:
                try:
                    piece = connection.recv(65536)
                except ConnectionError:
                    piece = b""
                answers[connection] += piece
                if not piece:
                    waiting.remove(connection)
    finally:
        for connection in connections:
            connection.close()
    return list(answers.values())


def _check_answer(data: bytes, answer: bytes) -> None:
    if not answer:
        return
    if not answer.startswith(b"HTTP/1."):
        raise Finding("gateway socket", data, f"answered with {answer[:100]!r}")
    if answer[9:12] == b"500":
        raise Finding("gateway socket", data, f"internal error: {answer[-300:]!r}")


def _check_platform(platform: Platform, first: dict[str, list[int]], recent: bytes) -> None:
    if platform.pids() != first:
        raise Finding(
            "gateway socket", recent, "a process of the platform has died; the last inputs are saved together"
        )
    target = oip_json(platform.port, platform.key)
    platform.await_ok("POST", target.path, target.body, time.perf_counter())
    for log in platform.home.glob("logs/*.log"):
        text = log.read_text(errors="replace")
        if "Traceback" in text:
            at = text.index("Traceback")
            raise Finding("gateway socket", recent, f"{log.name} has: {text[at : at + 1500]}")
