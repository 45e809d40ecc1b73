"""Events of failed reactions: their subjects are the reactions' ids."""

from bms.core.events import Payload


class OfReaction(Payload, frozen=True, kw_only=True):
    """What `handler` was to do after event `number`, named `event`, of tenant `of`; `about` is what keeps its order."""

    handler: str
    event: str
    number: int
    about: str
    of: str


class ReactionGivenUp(OfReaction, frozen=True, kw_only=True):
    """A reaction can't be done: a dead letter. Told in the log of its tenant, `of`, and in the operator's."""

    EVENT = "reaction.given_up"
    tries: int
    error: str


class ReactionRetried(OfReaction, frozen=True, kw_only=True):
    """The operator wants a reaction to be tried again, now."""

    EVENT = "reaction.retried"


class ReactionDismissed(OfReaction, frozen=True, kw_only=True):
    """The operator wants a reaction to be forgotten."""

    EVENT = "reaction.dismissed"
