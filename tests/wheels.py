"""Tiny wheels made by hand, and an index of them on this machine, with a password on a part of it."""

import base64
import contextlib
import hashlib
import http.server
import shutil
import threading
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

SLIM = ("numpy", "msgspec", "google-crc32c")  # stand-ins of what every environment gets, newer than any real one
USER, PASSWORD = "bob", "s3cret-of-the-index"


def wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    requires: tuple[str, ...] = (),
    extras: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> Path:
    """A wheel of one module that says its version, in `folder`. `extras` are what each of them requires."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {each}\n" for each in requires)
    for extra, wanted in extras.items():
        metadata += f"Provides-Extra: {extra}\n"
        metadata += "".join(f"Requires-Dist: {each} ; extra == '{extra}'\n" for each in wanted)
    files = {
        f"{module}/__init__.py": f"version = {version!r}\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_record_digest(text)},{len(text)}\n" for path, text in files.items())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(zipfile.ZipInfo(member, (2026, 1, 1, 0, 0, 0)), text)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def slim_wheels(folder: Path) -> Path:
    """What the slim part needs, so that nothing has to come from anywhere else."""
    for name in SLIM:
        wheel(folder, name, "9999.0")
    return folder


class Index(NamedTuple):
    """`public` and `private` are URLs; what lies in `root`/public/simple/NAME/ can be had from the first."""

    root: Path
    public: str
    private: str
    without_password: str
    wrong_password: str

    def add(self, part: str, path: Path, name: str) -> None:
        """The wheel `path` can be had as package `name`."""
        folder = self.root / part / "simple" / name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder)


@contextlib.contextmanager
def index(root: Path) -> Iterator[Index]:
    """Serves `root` on a port of this machine; below /private only to who has the password."""
    for part in ("public", "private"):
        (root / part / "simple").mkdir(parents=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    place = f"127.0.0.1:{server.server_address[1]}"
    try:
        yield Index(
            root,
            f"http://{place}/public/simple",
            f"http://{USER}:{PASSWORD}@{place}/private/simple",
            f"http://{place}/private/simple",
            f"http://{USER}:wrong@{place}/private/simple",
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.path.startswith("/private") and self.headers.get("Authorization") != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        super().do_GET()

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "max-age=600")  # as PyPI says it of its pages
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


def _record_digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
