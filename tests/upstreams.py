"""A server that speaks as much of OpenAI's protocol as models with an upstream need; it asks for a key and counts."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator

WIDTH = 4


def embedding(text: str) -> list[float]:
    """Of `text`, the same whenever it is asked for."""
    return [float(len(text)), float(text.count("e")), 0.5, -1.0]


class OpenAi(http.server.ThreadingHTTPServer):
    """On any free port of this machine, at `url`. `refuse` is a status that all requests get, 0: none."""

    daemon_threads = True

    def __init__(self, key: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.key = key
        self.refuse = 0
        self.bodies: list[dict[str, object]] = []

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
        rows = [{"object": "embedding", "index": at, "embedding": embedding(text)} for at, text in enumerate(texts)]
        used = sum(len(text.split()) for text in texts)
        return self.answer(
            {"object": "list", "data": rows[::-1], "usage": {"prompt_tokens": used, "total_tokens": used}}
        )

    def chat(self, body: dict[str, object]) -> None:
        """Says every word of the prompt again, each as a piece."""
        prompt: str = body["messages"][-1]["content"]  # type: ignore[index]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for word in prompt.split():
            if word == "CUT":
                break
            chunk = {"choices": [{"index": 0, "delta": {"content": f"{word} "}, "finish_reason": None}]}
            self.wfile.write(b"data: %b\r\n\r\n" % json.dumps(chunk).encode())
            self.wfile.flush()
        else:
            self.wfile.write(
                b': a comment\n\ndata: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
            )
        self.close_connection = True

    def answer(self, content: object, status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
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
            server.shutdown()
            thread.join()
