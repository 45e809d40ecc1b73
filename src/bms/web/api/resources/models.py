"""Endpoints of models, their versions and aliases."""

import base64

from starlette.responses import Response

from bms.api_types.blobs import FileTree
from bms.api_types.gates import GateStanding
from bms.api_types.models import Alias, ChangeModel, CreateModel, ListedModel, Model, MoveAlias
from bms.api_types.pages import Page
from bms.api_types.versions import CreateVersion, StartedUpload, Version
from bms.control.models.aliases import AliasService
from bms.control.models.checks import MAX_NUMBER
from bms.control.models.downloads import Downloads
from bms.control.models.nouns import Gate, Lineage, NewVersion, VersionState
from bms.control.models.releases import Releases
from bms.control.models.service import ModelService
from bms.control.models.uploads import Uploads
from bms.control.platform.objects import ObjectStore
from bms.control.platform.trees import FileEntry
from bms.core.errors import InvalidArgument, NotFound
from bms.core.tensors.preprocessing import Preprocess
from bms.core.tensors.signature import Signature
from bms.core.workloads.environments import EnvironmentSpec
from bms.web.api.as_noun import as_noun
from bms.web.api.downloads import download
from bms.web.api.endpoint import ApiCall, Endpoint, Listing, listing
from bms.web.api.views import blobs, gates, models, versions
from bms.web.api.views.pages import page

READ, WRITE = "models:read", "models:write"


class ModelListing(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters of a listing of models."""

    prefix: str = ""
    search: str = ""


class VersionListing(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters. Unfinished uploads and deleted versions are left out unless `state` or `all` asks for them."""

    state: VersionState | None = None
    all: bool = False


def endpoints(
    service: ModelService,
    uploads: Uploads,
    releases: Releases,
    aliases: AliasService,
    downloads: Downloads,
    objects: ObjectStore,
) -> list[Endpoint]:
    return [
        *_of_models(service, releases),
        *_of_versions(service, uploads, releases),
        *_of_files(downloads, objects),
        *_of_aliases(aliases),
    ]


def _of_models(service: ModelService, releases: Releases) -> list[Endpoint]:
    async def create(call: ApiCall[CreateModel]) -> Model:
        body = call.body
        asked = as_noun(body.gates, tuple[Gate, ...], "gates")
        return models.model(await service.create(call.principal, body.name, body.description, asked))

    async def several(call: ApiCall[None]) -> Page[ListedModel]:
        query = call.query
        found = await service.models(call.principal.tenant, listing(call), query.prefix, query.search)
        return page(found, models.listed)

    async def model(call: ApiCall[None]) -> Model:
        return models.model(await service.model(call.principal.tenant, call.path["model"]))

    async def change(call: ApiCall[ChangeModel]) -> Model:
        body = call.body
        asked = None if body.gates is None else as_noun(body.gates, tuple[Gate, ...], "gates")
        changed = await service.change(
            call.principal, call.path["model"], description=body.description, gates=asked, revision=call.if_match
        )
        return models.model(changed)

    async def delete(call: ApiCall[None]) -> Model:
        return models.model(await releases.delete_model(call.principal, call.path["model"], call.if_match))

    one = "/models/{model}"
    return [
        Endpoint("POST", "/models", WRITE, create, "Make a model", Model, CreateModel, status=201),
        Endpoint("GET", "/models", READ, several, "List models by name", Page[ListedModel], query=ModelListing),
        Endpoint("GET", one, READ, model, "One model", Model),
        Endpoint("PATCH", one, WRITE, change, "Change description or gates", Model, ChangeModel),
        Endpoint("DELETE", one, WRITE, delete, "Delete a model and its versions", Model),
    ]


def _of_versions(service: ModelService, uploads: Uploads, releases: Releases) -> list[Endpoint]:
    async def create(call: ApiCall[CreateVersion]) -> StartedUpload:
        by, model, body = call.principal, call.path["model"], call.body
        if bool(body.files) + (body.archive is not None) + (body.tree is not None) != 1:
            raise InvalidArgument("give the version's content as `files`, `archive` or `tree`: exactly one of them")
        new = _new(body)
        if body.archive is not None:
            return StartedUpload(version=versions.version(await uploads.from_archive(by, model, body.archive, new)))
        if body.tree is not None:
            return StartedUpload(version=versions.version(await uploads.from_tree(by, model, body.tree, new)))
        files = [FileEntry(path=file.path, digest=file.digest, size=file.size) for file in body.files]
        return versions.started(await uploads.start(by, model, files, new))

    async def several(call: ApiCall[None]) -> Page[Version]:
        query = call.query
        found = await service.versions(
            call.principal.tenant, call.path["model"], listing(call), query.state, every=query.all
        )
        return page(found, versions.version)

    async def version(call: ApiCall[None]) -> Version:
        return versions.version(await service.version(call.principal.tenant, *_version(call)))

    async def standings(call: ApiCall[None]) -> Page[GateStanding]:
        found = await service.gates(call.principal.tenant, *_version(call))
        return Page(items=[gates.standing(each) for each in found])

    async def complete(call: ApiCall[None]) -> Version:
        return versions.version(await uploads.complete(call.principal, *_version(call)))

    async def publish(call: ApiCall[None]) -> Version:
        return versions.version(await releases.publish(call.principal, *_version(call), call.if_match))

    async def offline(call: ApiCall[None]) -> Version:
        return versions.version(await releases.take_offline(call.principal, *_version(call), call.if_match))

    async def delete(call: ApiCall[None]) -> Version:
        return versions.version(await releases.delete(call.principal, *_version(call), call.if_match))

    many, one = "/models/{model}/versions", "/models/{model}/versions/{number}"
    return [
        Endpoint("POST", many, WRITE, create, "Start a version", StartedUpload, CreateVersion, status=201),
        Endpoint("GET", many, READ, several, "Versions, newest first", Page[Version], query=VersionListing),
        Endpoint("GET", one, READ, version, "One version", Version),
        Endpoint("GET", one + "/gates", READ, standings, "How it stands with its model's gates", Page[GateStanding]),
        Endpoint("POST", one + "/complete", WRITE, complete, "All its contents were put: verify it", Version),
        Endpoint("POST", one + "/publish", WRITE, publish, "Offer an offline version again", Version),
        Endpoint("POST", one + "/offline", WRITE, offline, "Take a ready version offline", Version),
        Endpoint("DELETE", one, WRITE, delete, "Delete a version", Version),
    ]


def _of_files(downloads: Downloads, objects: ObjectStore) -> list[Endpoint]:
    async def files(call: ApiCall[None]) -> FileTree:
        return blobs.tree(await downloads.files(call.principal.tenant, *_version(call)))

    async def file(call: ApiCall[None]) -> Response:
        tenant = call.principal.tenant
        entry = await downloads.file(tenant, *_version(call), call.path["path"])
        answer = await download(objects, tenant, entry)
        answer.headers["repr-digest"] = _repr_digest(entry.digest)
        return answer

    all_files = "/models/{model}/versions/{number}/files"
    return [
        Endpoint("GET", all_files, READ, files, "A version's files", FileTree),
        Endpoint("GET", all_files + "/{path:path}", READ, file, "One file's content", bytes),
    ]


def _of_aliases(service: AliasService) -> list[Endpoint]:
    async def aliases(call: ApiCall[None]) -> Page[Alias]:
        return page(await service.aliases(call.principal.tenant, call.path["model"], listing(call)), models.alias)

    async def alias(call: ApiCall[None]) -> Alias:
        return models.alias(await service.alias(call.principal.tenant, call.path["model"], call.path["alias"]))

    async def move(call: ApiCall[MoveAlias]) -> Alias:
        path, body = call.path, call.body
        moved = await service.move(
            call.principal, path["model"], path["alias"], body.version, force=body.force, revision=call.if_match
        )
        return models.alias(moved)

    async def delete(call: ApiCall[None]) -> None:
        await service.delete(call.principal, call.path["model"], call.path["alias"], call.if_match)

    many, one = "/models/{model}/aliases", "/models/{model}/aliases/{alias}"
    return [
        Endpoint("GET", many, READ, aliases, "A model's aliases by name", Page[Alias], query=Listing),
        Endpoint("GET", one, READ, alias, "One alias", Alias),
        Endpoint("PUT", one, WRITE, move, "Point an alias at a version", Alias, MoveAlias),
        Endpoint("DELETE", one, WRITE, delete, "Delete an alias", None, status=204),
    ]


def _new(body: CreateVersion) -> NewVersion:
    """Builds the request for a new version. Raises InvalidArgument for an unknown word."""
    return NewVersion(
        runtime=body.runtime,
        signatures=as_noun(body.signatures, dict[str, Signature], "signatures"),
        preprocess=None if body.preprocess is None else _preprocess(body.preprocess),
        labels=body.labels,
        environment=as_noun(body.environment, EnvironmentSpec, "environment"),
        allow_pickle=body.allow_pickle,
        metrics=dict(body.metrics),
        metadata=dict(body.metadata),
        lineage=as_noun(body.lineage, Lineage, "lineage"),
    )


def _preprocess(given: object) -> Preprocess:
    return as_noun(given, Preprocess, "preprocess")  # type: ignore[arg-type]  # a union is a form, too


def _version(call: ApiCall[None]) -> tuple[str, int]:
    text = call.path["number"]
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and int(text) <= MAX_NUMBER):
        raise NotFound(f"{text[:40]!r} is not a version: versions are numbered 1, 2, 3 …")
    return call.path["model"], int(text)


def _repr_digest(digest: str) -> str:
    """Returns the digest as HTTP writes it (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(digest.removeprefix('sha256:'))).decode()}:"
