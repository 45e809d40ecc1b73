"""Blob endpoints: contents uploaded by digest, before a tree refers to them."""

from collections.abc import AsyncIterator

import msgspec
from starlette.responses import Response

from bms.api_types.blobs import Blob
from bms.control.platform.objects import ObjectStore
from bms.core.digest import check_digest
from bms.core.errors import InvalidArgument, NotFound, PayloadTooLarge
from bms.core.workloads.resources import size_text
from bms.web.api.dispatch import body_chunks
from bms.web.api.endpoint import ApiCall, Endpoint
from bms.web.api.views import blobs as view

MAX_BLOB = 20 << 30


def endpoints(objects: ObjectStore, max_blob: int = MAX_BLOB) -> list[Endpoint]:
    """HEAD asks whether this tenant has a blob; PUT streams one in, at most `max_blob` bytes."""

    async def head(call: ApiCall[None]) -> Response:
        digest = call.path["digest"]
        blob = await objects.stat(call.principal.tenant, check_digest(digest))
        if blob is None:
            raise NotFound(f"there is no blob {digest} in this tenant: put its content")
        return Response(headers={"content-length": str(blob.size), "etag": f'"{digest}"'})

    async def put(call: ApiCall[bytes]) -> Response:
        """Verifies the content while it streams; a blob that is stored already is read and checked all the same, which
        keeps it from being collected as old before a tree refers to it."""
        tenant, digest = call.principal.tenant, check_digest(call.path["digest"])
        _check_length(call.request.headers.get("content-length"), max_blob)
        before = await objects.stat(tenant, digest)
        blob = await objects.put(tenant, _limited(body_chunks(call.request), max_blob), digest)
        return _stored(view.blob(blob), 200 if before else 201)

    blob = "/blobs/{digest}"
    return [
        Endpoint("HEAD", blob, "blobs:write", head, "Whether a blob is there, and its size", None),
        Endpoint("PUT", blob, "blobs:write", put, "Send a content; 200 if it was there", Blob, bytes, status=201),
    ]


def _stored(blob: Blob, status: int) -> Response:
    headers = {"etag": f'"{blob.digest}"', "cache-control": "no-store"}
    return Response(msgspec.json.encode(blob), status, headers=headers, media_type="application/json")


def _check_length(declared: str | None, limit: int) -> None:
    """Raises for a content length over the limit, before anything is read."""
    if declared is None:
        return
    if not (declared.isascii() and declared.isdecimal()):
        raise InvalidArgument(f"Content-Length {declared[:40]!r} is not a number")
    if len(declared.lstrip("0")) > 18 or int(declared) > limit:
        raise _too_large(limit)


async def _limited(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        yield chunk


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"a blob may have {limit} bytes ({size_text(limit)}) at most: split it into several files")
