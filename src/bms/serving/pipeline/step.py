"""The port to a deployment's own pipeline steps: a cache, a quota, a rule of routing, a shadow."""

from collections.abc import Callable, Sequence

from bms.core.errors import BmsError
from bms.core.serving.snapshot import DeploymentEntry, ServedVersion
from bms.core.tensors.tensor import Tensor
from bms.protocols.frames import AnswerMeta
from bms.serving.pipeline.context import RequestContext
from bms.serving.traffic.snapshot_index import DeploymentRoute


class PipelineStep:
    """One step. Its methods are the places in the pipeline, in their order; a step overrides those it needs, the others
    do nothing.

    Each is called from the loop and must not block. The request's own steps are asked in the order of the pipeline's
    makers, at every place; where they are asked for something, the first answer that is not None counts.
    """

    def admit(self, call: RequestContext) -> None:
        """Admits or refuses a request whose deployment is found but not decoded: `key`, `route`, `bytes_in` and
        `fields` are there. For quotas and byte budgets. Raises BmsError to refuse; every success is followed by one
        `ended`."""

    def choose(self, call: RequestContext) -> ServedVersion | None:
        """Chooses the version by the head alone; not asked where the client named one. For sticky and header routing.
        None: by weight."""
        return None

    def choose_decoded(self, call: RequestContext) -> ServedVersion | None:
        """Chooses the version by `request`, which was decoded for `version`; not asked where the client named one. For
        routing by the values of features. None: `version`."""
        return None

    def answer(self, call: RequestContext) -> Sequence[Tensor] | None:
        """Returns the outputs, where they can be had without asking the model. For response caches."""
        return None

    def sent(self, call: RequestContext) -> None:
        """Called when the request is on its way to a replica. For shadow copies."""

    def answered(self, call: RequestContext, meta: AnswerMeta, outputs: Sequence[Tensor]) -> None:
        """Called with the model's answer, or a part of a stream (`meta.final` says which), not encoded yet. Whoever
        keeps outputs copies them: they lie in what was received together."""

    def fall_back(self, call: RequestContext, error: BmsError) -> "tuple[DeploymentRoute, ServedVersion] | None":
        """Returns another target, of the same tenant, for a request that failed; used if its signature is the same. Not
        asked where the client named a version, has a part of an answer, or has no time left; at most once for each
        request."""
        return None

    def ended(self, call: RequestContext, status: int) -> None:
        """Called once for every request that was admitted: answered, refused or given up. `status` is HTTP's;
        `bytes_out` and `more` say what came of it. `status` is HTTP's; `bytes_out` and `more` say what came of it. It
        may have been refused before it had a version, or was decoded."""


StepMaker = Callable[[DeploymentEntry], PipelineStep | None]
"""The step of a deployment as its entry now is, None where it asks for none. Called for every change of the entry, so
what must outlive that (counts, what a cache holds) is the maker's."""
