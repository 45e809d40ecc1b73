"""Routes sequences: each request of one goes to the version that began it."""

from bms.core.serving.snapshot import DeploymentEntry, ServedVersion
from bms.serving.pipeline.context import RequestContext
from bms.serving.pipeline.step import PipelineStep
from bms.serving.traffic.sequences import Sequences


class SequenceRouting(PipelineStep):
    """The step of deployments whose models keep state from one request to the next."""

    def __init__(self, sequences: Sequences) -> None:
        self._sequences = sequences

    def choose_decoded(self, call: RequestContext) -> ServedVersion | None:
        step = call.request.sequence
        return None if step is None else self._sequences.version(call.route, step)


class SequenceRoutings:
    """Makes the step: one for all deployments that keep sequences."""

    def __init__(self, sequences: Sequences) -> None:
        self._step = SequenceRouting(sequences)

    def __call__(self, entry: DeploymentEntry) -> PipelineStep | None:
        signatures = (signature for version in entry.versions for signature in version.signatures.values())
        return self._step if any(signature.sequences is not None for signature in signatures) else None
