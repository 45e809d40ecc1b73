"""Single calls over HTTP/1.1, each on a connection of its own where that matters: any gateway may get it."""

import http.client
import json
import time
from typing import Any, NamedTuple


class Answer(NamedTuple):
    status: int
    body: bytes
    seconds: float


class Caller:
    """Calls one platform with one key."""

    def __init__(self, port: int, key: str) -> None:
        self.port = port
        self.key = key

    def call(self, method: str, path: str, body: object = None, *, key: str | None = None) -> Answer:
        """Over a new connection. Raises OSError."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            return _called(connection, method, path, body, key or self.key)
        finally:
            connection.close()

    def again(self, method: str, path: str, times: int) -> list[float]:
        """The same over one connection; seconds of each. Raises RuntimeError for any answer but 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            answers = [_called(connection, method, path, None, self.key) for _ in range(times)]
        finally:
            connection.close()
        for answer in answers:
            _expect(answer, path, 200)
        return [answer.seconds for answer in answers]

    def made(self, method: str, path: str, body: object = None) -> Any:
        """The decoded answer. Raises RuntimeError for one that is no success."""
        answer = self.call(method, path, body)
        _expect(answer, path, 200, 201)
        return json.loads(answer.body)


def _called(connection: http.client.HTTPConnection, method: str, path: str, body: object, key: str) -> Answer:
    data = None if body is None else json.dumps(body)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    began = time.perf_counter()
    connection.request(method, path, data, headers)
    got = connection.getresponse()
    read = got.read()
    return Answer(got.status, read, time.perf_counter() - began)


def _expect(answer: Answer, path: str, *statuses: int) -> None:
    if answer.status not in statuses:
        raise RuntimeError(f"{path} answers {answer.status}: {answer.body[:300]!r}")
