"""Stored files as answers: streamed, and never shown by a browser as if they were ours."""

from urllib.parse import quote

from starlette.responses import StreamingResponse

from bms.control.platform.objects import ObjectStore
from bms.control.platform.trees import FileEntry, Tree
from bms.core.errors import DataLoss, NotFound


def file_of(tree: Tree, path: str) -> FileEntry:
    """The file of that path. Raises NotFound."""
    for entry in tree.files:
        if entry.path == path:
            return entry
    raise NotFound(f"no file {path[:200]!r} among these {len(tree.files)}: list them first")


async def download(objects: ObjectStore, tenant: str, entry: FileEntry) -> StreamingResponse:
    """The content of `entry`. Raises DataLoss when the store has lost it; a content that does not match its
    digest breaks the answer off before its end."""
    if await objects.stat(tenant, entry.digest) is None:
        raise DataLoss(f"the content of {entry.path!r} ({entry.digest}) is missing from the store")
    name = quote(entry.path.rsplit("/", 1)[-1])
    headers = {
        "content-length": str(entry.size),
        "content-disposition": f"attachment; filename*=UTF-8''{name}",
        "etag": f'"{entry.digest}"',
        "x-content-type-options": "nosniff",
    }
    return StreamingResponse(objects.read(tenant, entry.digest), headers=headers, media_type="application/octet-stream")
