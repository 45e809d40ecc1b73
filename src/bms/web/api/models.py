"""Models, their versions and aliases over HTTP."""

import base64

import msgspec
from starlette.responses import Response

from bms.control.models.aliases import AliasService
from bms.control.models.checks import MAX_NUMBER
from bms.control.models.downloads import Downloads
from bms.control.models.nouns import Alias, Gate, GateStanding, ListedModel, Model, NewVersion, Version, VersionState
from bms.control.models.releases import Releases
from bms.control.models.service import ModelService
from bms.control.models.uploads import StartedUpload, Uploads
from bms.control.platform.objects import ObjectStore
from bms.control.platform.trees import FileEntry, Tree
from bms.core.errors import InvalidArgument, NotFound
from bms.core.pages import Page
from bms.web.api.downloads import download
from bms.web.api.endpoint import Call, Endpoint, Listing, listing

READ, WRITE = "models:read", "models:write"


class CreateModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    description: str = ""
    gates: tuple[Gate, ...] = ()


class ChangeModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    description: str | None = None
    gates: tuple[Gate, ...] | None = None


class CreateVersion(NewVersion, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where its content is: `files` to be put as blobs, an `archive` (zip, tar) or a `tree` that are blobs already."""

    files: tuple[FileEntry, ...] = ()
    archive: str | None = None
    tree: str | None = None

    @property
    def new(self) -> NewVersion:
        return NewVersion(**{field: getattr(self, field) for field in NewVersion.__struct_fields__})


class MoveAlias(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`force` passes over the model's gates; admins and owners only."""

    version: int
    force: bool = False


class ModelListing(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    prefix: str = ""
    search: str = ""


class VersionListing(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Unfinished uploads and deleted versions are left out unless `state` or `all` asks for them."""

    state: VersionState | None = None
    all: bool = False


def endpoints(
    models: ModelService,
    uploads: Uploads,
    releases: Releases,
    aliases: AliasService,
    downloads: Downloads,
    objects: ObjectStore,
) -> list[Endpoint]:
    return [
        *_of_models(models, releases),
        *_of_versions(models, uploads, releases),
        *_of_files(downloads, objects),
        *_of_aliases(aliases),
    ]


def _of_models(service: ModelService, releases: Releases) -> list[Endpoint]:
    async def create(call: Call[CreateModel]) -> Model:
        body = call.body
        return await service.create(call.principal, body.name, body.description, body.gates)

    async def models(call: Call[None]) -> Page[ListedModel]:
        query = call.query
        return await service.models(call.principal.tenant, listing(call), query.prefix, query.search)

    async def model(call: Call[None]) -> Model:
        return await service.model(call.principal.tenant, call.path["model"])

    async def change(call: Call[ChangeModel]) -> Model:
        body = call.body
        return await service.change(
            call.principal, call.path["model"], description=body.description, gates=body.gates, revision=call.if_match
        )

    async def delete(call: Call[None]) -> Model:
        return await releases.delete_model(call.principal, call.path["model"], call.if_match)

    one = "/models/{model}"
    return [
        Endpoint("POST", "/models", WRITE, create, "Make a model", Model, CreateModel, status=201),
        Endpoint("GET", "/models", READ, models, "List models by name", Page[ListedModel], query=ModelListing),
        Endpoint("GET", one, READ, model, "One model", Model),
        Endpoint("PATCH", one, WRITE, change, "Change description or gates", Model, ChangeModel),
        Endpoint("DELETE", one, WRITE, delete, "Delete a model and its versions", Model),
    ]


def _of_versions(service: ModelService, uploads: Uploads, releases: Releases) -> list[Endpoint]:
    async def create(call: Call[CreateVersion]) -> StartedUpload:
        by, model, body = call.principal, call.path["model"], call.body
        if bool(body.files) + (body.archive is not None) + (body.tree is not None) != 1:
            raise InvalidArgument("give the version's content as `files`, `archive` or `tree`: exactly one of them")
        if body.archive is not None:
            return StartedUpload(version=await uploads.from_archive(by, model, body.archive, body.new))
        if body.tree is not None:
            return StartedUpload(version=await uploads.from_tree(by, model, body.tree, body.new))
        return await uploads.start(by, model, list(body.files), body.new)

    async def versions(call: Call[None]) -> Page[Version]:
        query = call.query
        return await service.versions(
            call.principal.tenant, call.path["model"], listing(call), query.state, every=query.all
        )

    async def version(call: Call[None]) -> Version:
        return await service.version(call.principal.tenant, *_version(call))

    async def gates(call: Call[None]) -> Page[GateStanding]:
        return Page(items=await service.gates(call.principal.tenant, *_version(call)))

    async def complete(call: Call[None]) -> Version:
        return await uploads.complete(call.principal, *_version(call))

    async def publish(call: Call[None]) -> Version:
        return await releases.publish(call.principal, *_version(call), call.if_match)

    async def offline(call: Call[None]) -> Version:
        return await releases.take_offline(call.principal, *_version(call), call.if_match)

    async def delete(call: Call[None]) -> Version:
        return await releases.delete(call.principal, *_version(call), call.if_match)

    many, one = "/models/{model}/versions", "/models/{model}/versions/{number}"
    return [
        Endpoint("POST", many, WRITE, create, "Start a version", StartedUpload, CreateVersion, status=201),
        Endpoint("GET", many, READ, versions, "Versions, newest first", Page[Version], query=VersionListing),
        Endpoint("GET", one, READ, version, "One version", Version),
        Endpoint("GET", one + "/gates", READ, gates, "How it stands with its model's gates", Page[GateStanding]),
        Endpoint("POST", one + "/complete", WRITE, complete, "All its contents were put: verify it", Version),
        Endpoint("POST", one + "/publish", WRITE, publish, "Offer an offline version again", Version),
        Endpoint("POST", one + "/offline", WRITE, offline, "Take a ready version offline", Version),
        Endpoint("DELETE", one, WRITE, delete, "Delete a version", Version),
    ]


def _of_files(downloads: Downloads, objects: ObjectStore) -> list[Endpoint]:
    async def files(call: Call[None]) -> Tree:
        return await downloads.files(call.principal.tenant, *_version(call))

    async def file(call: Call[None]) -> Response:
        tenant = call.principal.tenant
        entry = await downloads.file(tenant, *_version(call), call.path["path"])
        answer = await download(objects, tenant, entry)
        answer.headers["repr-digest"] = _repr_digest(entry.digest)
        return answer

    all_files = "/models/{model}/versions/{number}/files"
    return [
        Endpoint("GET", all_files, READ, files, "A version's files", Tree),
        Endpoint("GET", all_files + "/{path:path}", READ, file, "One file's content", bytes),
    ]


def _of_aliases(service: AliasService) -> list[Endpoint]:
    async def aliases(call: Call[None]) -> Page[Alias]:
        return await service.aliases(call.principal.tenant, call.path["model"], listing(call))

    async def alias(call: Call[None]) -> Alias:
        return await service.alias(call.principal.tenant, call.path["model"], call.path["alias"])

    async def move(call: Call[MoveAlias]) -> Alias:
        path, body = call.path, call.body
        return await service.move(
            call.principal, path["model"], path["alias"], body.version, force=body.force, revision=call.if_match
        )

    async def delete(call: Call[None]) -> None:
        await service.delete(call.principal, call.path["model"], call.path["alias"], call.if_match)

    many, one = "/models/{model}/aliases", "/models/{model}/aliases/{alias}"
    return [
        Endpoint("GET", many, READ, aliases, "A model's aliases by name", Page[Alias], query=Listing),
        Endpoint("GET", one, READ, alias, "One alias", Alias),
        Endpoint("PUT", one, WRITE, move, "Point an alias at a version", Alias, MoveAlias),
        Endpoint("DELETE", one, WRITE, delete, "Delete an alias", None, status=204),
    ]


def _version(call: Call[None]) -> tuple[str, int]:
    text = call.path["number"]
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and int(text) <= MAX_NUMBER):
        raise NotFound(f"{text[:40]!r} is not a version: versions are numbered 1, 2, 3 …")
    return call.path["model"], int(text)


def _repr_digest(digest: str) -> str:
    """The digest as HTTP writes it (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(digest.removeprefix('sha256:'))).decode()}:"
