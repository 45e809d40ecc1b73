"""Endpoints of failed reactions to events, for the operator: list, retry, drop."""

from bms.api_types.pages import Page
from bms.api_types.reactions import Reaction
from bms.control.monitoring.reactions import MAY, ReactionService
from bms.web.api.endpoint import ApiCall, Endpoint, Listing, listing
from bms.web.api.views.pages import page
from bms.web.api.views.reactions import reaction


class ReactionListing(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters: `state` is `waiting` or `dead`."""

    state: str | None = None


def endpoints(service: ReactionService) -> list[Endpoint]:
    async def reactions(call: ApiCall[None]) -> Page[Reaction]:
        return page(await service.page(call.principal, listing(call), call.query.state), reaction)

    async def retry(call: ApiCall[None]) -> Reaction:
        return reaction(await service.retry(call.principal, call.path["reaction"]))

    async def dismiss(call: ApiCall[None]) -> Reaction:
        return reaction(await service.dismiss(call.principal, call.path["reaction"]))

    every, one = "/system/reactions", "/system/reactions/{reaction}"
    summary = "What follows from events and was not done"
    return [
        Endpoint("GET", every, MAY, reactions, summary, Page[Reaction], query=ReactionListing),
        Endpoint("POST", one + "/retry", MAY, retry, "Try it now", Reaction),
        Endpoint("POST", one + "/dismiss", MAY, dismiss, "Forget it", Reaction),
    ]
