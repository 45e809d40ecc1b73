"""Routing of sequences: a request that goes on with one goes to the version that began it."""

from bms.core.serving.snapshot import DeploymentEntry, ServedVersion
from bms.serving.pipeline.context import RequestContext
from bms.serving.pipeline.step import PipelineStep
from bms.serving.traffic.sequences import Sequences


class SequenceRouting(PipelineStep):
    """Of deployments whose models keep something from one request to the next."""

    def __init__(self, sequences: Sequences) -> None:
        self._sequences = sequences

    def choose_decoded(self, call: RequestContext) -> ServedVersion | None:
        step = call.request.sequence
        return None if step is None else self._sequences.version(call.route, step)


class SequenceRoutings:
    """The maker: one step for all deployments that keep sequences."""

    def __init__(self, sequences: Sequences) -> None:
        self._step = SequenceRouting(sequences)

    def __call__(self, entry: DeploymentEntry) -> PipelineStep | None:
        signatures = (signature for version in entry.versions for signature in version.signatures.values())
        return self._step if any(signature.sequences is not None for signature in signatures) else None
