"""A server that speaks as much of OpenAI's protocol as models with an upstream need; it asks for a key and counts.

Words of what it is asked tell it what to do: HOLD: wait until `let_go`, or until the client has left; FAIL: answer 500;
CUT: break off.
"""

import contextlib
import http.server
import json
import select
import socket
import threading
from collections.abc import Iterator

WIDTH = 4


def embedding(text: str) -> list[float]:
    """Of `text`, the same whenever it is asked for."""
    return [float(len(text)), float(text.count("e")), 0.5, -1.0]


class OpenAi(http.server.ThreadingHTTPServer):
    """On any free port of this machine, at `url`. `refuse` is a status that all requests get, 0: none, and `wait` what
    Retry-After says then, "": nothing; `counts` whether
    it knows of counting the tokens of a stream. `now` requests are in progress, `most` have been at once, and of those
    that were held `gone` have lost their client. `odd` is said instead of what is right: of chat, the bytes of a
    stream, or a content type and bytes; of embeddings, members of the answer."""

    daemon_threads = True
    request_queue_size = 300

    def __init__(self, key: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.key = key
        self.refuse = 0
        self.wait = ""
        self.counts = True
        self.odd: object = None
        self.bodies: list[dict[str, object]] = []
        self.let_go = threading.Event()
        self.now = self.most = self.gone = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            yield
        finally:
            with self._lock:
                self.now -= 1

    def left(self) -> None:
        with self._lock:
            self.gone += 1

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.place}/v1"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are none of ours."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: OpenAi

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        given = self.headers.get("authorization", "")
        if given != f"Bearer {self.server.key}":
            return self.answer({"error": {"message": f"Incorrect API key provided: {given}"}}, 401)
        if self.server.refuse:
            return self.answer({"error": {"message": f"no, {given}"}}, self.server.refuse)
        self.server.bodies.append(body)
        with self.server.working():
            if self.path == "/v1/embeddings":
                return self.embeddings(body)
            if self.path == "/v1/chat/completions":
                return self.chat(body)
        return self.answer({"error": {"message": "no such path"}}, 404)

    def do_GET(self) -> None:
        self.answer({"error": {"message": "no such path"}}, 404)

    def embeddings(self, body: dict[str, object]) -> None:
        texts: list[str] = body["input"]  # type: ignore[assignment]
        if "" in texts:
            return self.answer({"error": {"message": "input cannot be an empty string"}}, 400)
        words = " ".join(texts).split()
        if "FAIL" in words:
            return self.answer({"error": {"message": "no"}}, 500)
        if "HOLD" in words and not self.held():
            return None
        rows = [{"object": "embedding", "index": at, "embedding": embedding(text)} for at, text in enumerate(texts)]
        used = sum(len(text.split()) for text in texts)
        made = {"object": "list", "data": rows[::-1], "usage": {"prompt_tokens": used, "total_tokens": used}}
        return self.answer({**made, **self.server.odd} if isinstance(self.server.odd, dict) else made)

    def held(self) -> bool:
        """Whether the client still waits when it is let go."""
        while not self.server.let_go.wait(0.005):
            try:
                read, _, _ = select.select([self.connection], [], [], 0)
                there = not read or self.connection.recv(1, socket.MSG_PEEK)
            except OSError:
                there = False
            if not there:
                self.server.left()
                self.close_connection = True
                return False
        return True

    def chat(self, body: dict[str, object]) -> None:
        """Says every word of the prompt again, each as a piece; every word is a token."""
        prompt: str = body["messages"][-1]["content"]  # type: ignore[index]
        counted = "stream_options" in body
        if counted and not self.server.counts:
            return self.answer({"error": {"message": "unrecognized field stream_options"}}, 400)
        odd = self.server.odd
        kind, content = odd if isinstance(odd, tuple) else ("text/event-stream", odd)
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("connection", "close")
        self.end_headers()
        if content is not None:
            self.wfile.write(content)
            return None
        for word in prompt.split():
            if word == "CUT" or (word == "HOLD" and not self.held()):
                break
            chunk = {"choices": [{"index": 0, "delta": {"content": f"{word} "}, "finish_reason": None}]}
            self.wfile.write(b"data: %b\r\n\r\n" % json.dumps(chunk).encode())
            self.wfile.flush()
        else:
            self.wfile.write(b': a comment\n\ndata: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n')
            if counted:
                many = len(prompt.split())
                usage = {"prompt_tokens": many + 3, "completion_tokens": many, "total_tokens": 2 * many + 3}
                self.wfile.write(b"data: %b\n\n" % json.dumps({"choices": [], "usage": usage}).encode())
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True
        return None

    def answer(self, content: object, status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        if status >= 400 and self.server.wait:
            self.send_header("retry-after", self.server.wait)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def openai_server(key: str) -> Iterator[OpenAi]:
    with OpenAi(key) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.let_go.set()
            server.shutdown()
            thread.join()
