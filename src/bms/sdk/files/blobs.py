"""Uploads content by its digest: what the server already has is not sent again, so an interrupted upload resumes."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from bms.core.digest import of_bytes
from bms.core.errors import NotFound, PermissionDenied, Unauthenticated
from bms.sdk.binding.resources import API, D, Resource, operation
from bms.sdk.files.local import FileTree, LocalFile, scan
from bms.sdk.transport.flow import ClientRequest, FileContent, Flow, Progress, locally

UploadProgress = Callable[[int, int], None]  # bytes done, bytes in all
UPLOAD_TIMEOUT_S = 600.0
OCTETS = {"content-type": "application/octet-stream"}


class Uploading(Resource[D]):
    """Base class of resources that upload files."""

    def _send_files(self, files: Sequence[LocalFile], on_progress: UploadProgress | None) -> Flow[None]:
        total, done = sum(file.entry.size for file in files), 0
        for file in files:
            progress = None if on_progress is None else _within(on_progress, done, total)
            content = file.source
            yield from self._put(
                file.entry.digest,
                content if isinstance(content, bytes) else FileContent(content, file.entry.size, progress),
            )
            done += file.entry.size

    def _send_tree(self, path: Path, on_progress: UploadProgress | None) -> Flow[str]:
        files = yield from locally(partial(scan, path))
        yield from self._send_files(files, on_progress)
        content = msgspec.json.encode(FileTree(files=tuple(file.entry for file in files)))
        digest = of_bytes(content)
        yield from self._put(digest, content)
        return digest

    def _put(self, digest: str, content: bytes | FileContent) -> Flow[None]:
        path = f"{API}/blobs/{digest}"
        try:
            yield from self._retrying(ClientRequest("HEAD", path))
        except (Unauthenticated, PermissionDenied):  # an answer to HEAD has no body: one to PUT says why
            yield from self._retrying(ClientRequest("PUT", path, headers=OCTETS, content=b""))
            raise
        except NotFound:
            request = ClientRequest(
                "PUT", path, headers=OCTETS, content=content, timed="upload", timeout_s=UPLOAD_TIMEOUT_S
            )
            yield from self._retrying(request)


class Blobs(Uploading[D]):
    """Uploads content-addressed blobs (`/api/v1/blobs`)."""

    @operation
    def put_tree(self, path: Path, on_progress: UploadProgress | None = None) -> Flow[str]:
        """Uploads a file or directory and the list of its files; returns the digest that names the whole tree."""
        return self._send_tree(path, on_progress)


def _within(on_progress: UploadProgress, before: int, total: int) -> Progress:
    return lambda sent: on_progress(before + sent, total)
