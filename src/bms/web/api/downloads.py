"""Downloads of stored files: streamed, with headers that keep browsers from showing them as pages of this site."""

from urllib.parse import quote

from starlette.responses import StreamingResponse

from bms.control.platform.objects import ObjectStore
from bms.control.platform.trees import FileEntry, Tree
from bms.core.errors import DataLoss, NotFound


def file_of(tree: Tree, path: str) -> FileEntry:
    """Returns the file at that path of a tree. Raises NotFound."""
    for entry in tree.files:
        if entry.path == path:
            return entry
    raise NotFound(f"no file {path[:200]!r} among these {len(tree.files)}: list them first")


async def download(objects: ObjectStore, tenant: str, entry: FileEntry) -> StreamingResponse:
    """Streams the content of `entry`. Raises DataLoss when the store has lost it; content that does not match its
    digest ends the answer before its end."""
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
