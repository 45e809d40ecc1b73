"""A step for every place of the pipeline, each as short as it can be and do its deed."""

from collections import Counter
from collections.abc import Callable, Sequence

from bms.core.errors import BmsError, ResourceExhausted
from bms.core.serving.snapshot import DeploymentEntry, ServedVersion
from bms.core.tensors.tensor import Tensor
from bms.protocols.frames import AnswerMeta
from bms.serving.pipeline.context import RequestContext
from bms.serving.pipeline.exchange import Exchange
from bms.serving.pipeline.step import PipelineStep, StepMaker
from bms.serving.pipeline.write_batch import ExchangeAnswer
from bms.serving.traffic.snapshot_index import DeploymentRoute


def always(step: PipelineStep) -> StepMaker:
    return lambda entry: step


class ResponseCache(PipelineStep):
    def __init__(self) -> None:
        self._kept: dict[object, list[Tensor]] = {}

    def answer(self, call: RequestContext) -> Sequence[Tensor] | None:
        return self._kept.get(self._name(call))

    def answered(self, call: RequestContext, meta: AnswerMeta, outputs: Sequence[Tensor]) -> None:
        if meta.final:
            self._kept[self._name(call)] = [Tensor(name, array.copy()) for name, array in outputs]

    def _name(self, call: RequestContext) -> object:
        inputs = tuple((name, array.tobytes()) for name, array in call.request.inputs)
        return call.key.tenant, call.route.entry.id, call.version.number, inputs


class HeaderRouting(PipelineStep):
    def choose(self, call: RequestContext) -> ServedVersion | None:
        said = call.fields.get(b"x-variant")
        return None if said is None else call.route.aliases.get(said.decode("latin-1"))


class StickyRouting(PipelineStep):
    """Who was sent to a version once stays there."""

    def __init__(self) -> None:
        self.places: dict[tuple[str, bytes], int] = {}

    def choose(self, call: RequestContext) -> ServedVersion | None:
        place = self.places.get((call.key.tenant, call.fields.get(b"x-user", b"")))
        return None if place is None else call.route.versions.get(place)

    def sent(self, call: RequestContext) -> None:
        self.places[call.key.tenant, call.fields.get(b"x-user", b"")] = call.version.number


class FeatureRouting(PipelineStep):
    """Values above the limit go to version 2."""

    def choose_decoded(self, call: RequestContext) -> ServedVersion | None:
        return call.route.versions[2] if call.request.inputs[0].array.max() > 100 else None


class ByteBudget(PipelineStep):
    """So many bytes for each tenant, in all."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used: Counter[str] = Counter()

    def admit(self, call: RequestContext) -> None:
        tenant = call.key.tenant
        if self._used[tenant] + call.bytes_in > self._most:
            raise ResourceExhausted(f"over {self._most} bytes: ask for more")
        self._used[tenant] += call.bytes_in


class Quota(PipelineStep):
    """So many requests of a key at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.now: Counter[str] = Counter()
        self.ends: list[int] = []
        self.bytes_out = 0

    def admit(self, call: RequestContext) -> None:
        if self.now[call.key.id] >= self._most:
            raise ResourceExhausted(f"{self._most} at once are what this key may: come again")
        self.now[call.key.id] += 1

    def ended(self, call: RequestContext, status: int) -> None:
        self.now[call.key.id] -= 1
        self.ends.append(status)
        self.bytes_out += call.bytes_out


class Fallback(PipelineStep):
    def __init__(self, where: Callable[[], tuple[DeploymentRoute, ServedVersion]]) -> None:
        self._where = where

    def fall_back(self, call: RequestContext, error: BmsError) -> tuple[DeploymentRoute, ServedVersion] | None:
        return self._where()


class Shadow(PipelineStep):
    """Sends a copy of every request to version 2, whose answers it keeps."""

    def __init__(self) -> None:
        self.answers: list[object] = []

    def sent(self, call: RequestContext) -> None:
        assert isinstance(call, Exchange)
        copy = Copy(call.key, call.model, 2, None, f"{call.id}-shadow", call.bytes_in, call.began)
        copy.answers = self.answers
        copy.shared, copy.dispatcher, copy.parsed = call.shared, call.dispatcher, call.parsed
        copy.route, copy.version, copy.deadline = call.route, call.route.versions[2], call.deadline
        copy.request, copy.rows = call.request, call.rows
        copy.send()


class Copy(Exchange):
    """Whose answer no client waits for."""

    answers: list[object]
    fields = {}  # type: ignore[assignment]

    def decode(self, signatures: object) -> None: ...

    def encode(self, outputs: Sequence[Tensor]) -> ExchangeAnswer:
        self.answers.append(float(outputs[0].array.max()))
        return ExchangeAnswer(b"")

    def deliver(self, answer: ExchangeAnswer) -> None: ...

    def deliver_error(self, error: BmsError) -> None:
        self.answers.append(error.code)


class Recorder(PipelineStep):
    """Writes down at which place it was asked, and what was known there."""

    def __init__(self, name: str = "", seen: list[str] | None = None) -> None:
        self._name = name
        self.seen = [] if seen is None else seen

    def admit(self, call: RequestContext) -> None:
        self._note("admit", call, "route", "version")

    def choose(self, call: RequestContext) -> ServedVersion | None:
        return self._note("choose", call, "route", "version")

    def choose_decoded(self, call: RequestContext) -> ServedVersion | None:
        return self._note("choose_decoded", call, "version", "request", "deadline")

    def answer(self, call: RequestContext) -> Sequence[Tensor] | None:
        return self._note("answer", call, "deadline", "replica")

    def sent(self, call: RequestContext) -> None:
        self._note("sent", call, "replica")

    def answered(self, call: RequestContext, meta: AnswerMeta, outputs: Sequence[Tensor]) -> None:
        self._note("answered" if meta.final else "part", call)

    def ended(self, call: RequestContext, status: int) -> None:
        self._note(f"ended {status}", call)

    def _note(self, place: str, call: RequestContext, *of: str) -> None:
        known = " ".join(name for name in of if getattr(call, name, None) is not None)
        self.seen.append(f"{self._name}{place}({known})")


def only_for(name: str, step: PipelineStep) -> StepMaker:
    """Of the deployments of this name."""

    def make(entry: DeploymentEntry) -> PipelineStep | None:
        return step if entry.name == name else None

    return make
