"""Job endpoints: inspect, cancel, repeat, follow the log, download outputs. What starts jobs is in `training` and
`datasets`."""

import msgspec
from starlette.responses import Response

from bms.api_types.blobs import FileTree
from bms.api_types.jobs import Job, JobEvent
from bms.api_types.pages import Page
from bms.control.jobs.nouns import JobState
from bms.control.jobs.service import JobService
from bms.control.platform.objects import ObjectStore
from bms.web.api.downloads import download, file_of
from bms.web.api.endpoint import ApiCall, Endpoint, Listing, listing
from bms.web.api.log_pieces import LogPlace, log_piece, not_negative, offset_of
from bms.web.api.views import blobs
from bms.web.api.views import jobs as view
from bms.web.api.views.pages import page


class JobListing(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters of a listing of jobs."""

    state: JobState | None = None
    kind: str | None = None
    subject: str | None = None


class EventsPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters: `after` is the number of events read so far."""

    after: int = 0


def endpoints(service: JobService, objects: ObjectStore) -> list[Endpoint]:
    async def jobs(call: ApiCall[None]) -> Page[Job]:
        query: JobListing = call.query
        found = await service.jobs(
            call.principal.tenant, listing(call), state=query.state, kind=query.kind, subject=query.subject
        )
        return page(found, view.job)

    async def job(call: ApiCall[None]) -> Job:
        return view.job(await service.get(call.principal.tenant, call.path["job"]))

    async def cancel(call: ApiCall[None]) -> Job:
        by = call.principal
        return view.job(await service.cancel(by.tenant, by.user, call.path["job"]))

    async def retry(call: ApiCall[None]) -> Job:
        by = call.principal
        return view.job(await service.retry(by.tenant, by.user, call.path["job"]))

    async def log(call: ApiCall[None]) -> Response:
        part = await service.log(call.principal.tenant, call.path["job"], offset_of(call))
        return log_piece(part.content, part.next, job_state=part.state)

    async def events(call: ApiCall[None]) -> list[JobEvent]:
        after = not_negative("after", call.query.after)
        found = await service.events(call.principal.tenant, call.path["job"], after)
        return [view.event(each) for each in found]

    async def files(call: ApiCall[None]) -> FileTree:
        return blobs.tree(await service.output(call.principal.tenant, call.path["job"]))

    async def file(call: ApiCall[None]) -> Response:
        tenant = call.principal.tenant
        tree = await service.output(tenant, call.path["job"])
        return await download(objects, tenant, file_of(tree, call.path["path"]))

    one = "/jobs/{job}"
    return [
        Endpoint("GET", "/jobs", "jobs:read", jobs, "List jobs, newest first", Page[Job], query=JobListing),
        Endpoint("GET", one, "jobs:read", job, "One job", Job),
        Endpoint("POST", one + "/cancel", "jobs:write", cancel, "Stop a job for good", Job),
        Endpoint("POST", one + "/retry", "jobs:write", retry, "A new job of the same spec", Job, status=201),
        Endpoint(
            "GET", one + "/log", "jobs:read", log, "A piece of the log", bytes, query=LogPlace, media="text/plain"
        ),
        Endpoint("GET", one + "/events", "jobs:read", events, "Progress", list[JobEvent], query=EventsPlace),
        Endpoint("GET", one + "/output", "jobs:read", files, "The files it made", FileTree),
        Endpoint("GET", one + "/output/{path:path}", "jobs:read", file, "A file it made", bytes),
    ]
