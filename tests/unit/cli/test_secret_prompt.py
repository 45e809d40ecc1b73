"""Where `bms secret set` takes a value from: a terminal that does not show it, or the standard input."""

import os
import pty
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec

VALUE = "sk-quarry-typed"


class _Control(BaseHTTPRequestHandler):
    bodies: list[bytes]

    def do_PUT(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        answer = {"name": "n", "hosts": [], "set_at": "2026-01-01T00:00:00Z", "set_by": "u"}
        content = msgspec.json.encode(answer)
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def test_a_terminal_does_not_show_what_is_typed(tmp_path: Path) -> None:
    handler = type("Control", (_Control,), {"bodies": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        command = [
            sys.executable,
            "-m",
            "bms.cli.main",
            "secret",
            "set",
            "n",
            "--url",
            url,
            "--key",
            "k",
            "--host",
            "a.b",
        ]
        ours, theirs = pty.openpty()
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "dumb"}
        process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        os.close(theirs)
        shown = _until(ours, b"Value of n: ")
        os.write(ours, VALUE.encode() + b"\n")
        shown += _until(ours, b"Repeat for confirmation: ")
        os.write(ours, VALUE.encode() + b"\n")
        shown += _until(ours, b"set n")
        assert process.wait(30) == 0
        os.close(ours)
    assert VALUE.encode() not in shown
    assert [msgspec.json.decode(body) for body in handler.bodies] == [{"value": VALUE, "hosts": ["a.b"]}]


def _until(terminal: int, words: bytes) -> bytes:
    shown = b""
    while words not in shown:
        shown += os.read(terminal, 1 << 12)
    return shown
