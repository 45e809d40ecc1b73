"""The method MultiInference: the same examples by several signatures of one version; an exchange for each, one answer
for all."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from bms.core.errors import BmsError, InvalidArgument, NotFound, Unimplemented
from bms.core.serving.snapshot import KeyEntry
from bms.core.tensors.request import Verb
from bms.core.tensors.tensor import Tensor
from bms.protocols.tfserving.grpc.examples import examples_of, read_tasks
from bms.protocols.tfserving.grpc.model_spec import Meant, read_spec
from bms.protocols.tfserving.grpc.results import task_result
from bms.serving.pipeline.write_batch import ExchangeAnswer
from bms.web.inference.grpc.call import RpcCall
from bms.web.inference.grpc.deadlines import left_s
from bms.web.inference.grpc.tfserving.infer import Asking, ExamplesExchange
from bms.web.inference.grpc.tfserving.model_lookup import tfserving_error

_VERBS: dict[str, Verb] = {"tensorflow/serving/classify": "classify", "tensorflow/serving/regress": "regress"}
_RESULTS = {"classify": 2, "regress": 3}  # fields of an InferenceResult


class _Gathering:
    """The results of one call, until all are there."""

    def __init__(self, call: RpcCall, count: int) -> None:
        self.call = call
        self.results: list[bytes | None] = [None] * count
        self.sent: list[TaskExchange] = []

    def answered(self, place: int, result: bytes) -> None:
        self.results[place] = result
        whole = [each for each in self.results if each is not None]
        if len(whole) == len(self.results):
            self.call.state = None
            self.call.respond(b"".join(whole))

    def failed(self, error: BmsError) -> None:
        self.call.state = None
        self.cancel()
        self.call.fail(error)

    def cancel(self) -> None:
        for exchange in self.sent:
            exchange.cancel()


class TaskExchange(ExamplesExchange):
    """The exchange of one task of a MultiInference. Its maker sets also `gathering`, and its place there."""

    gathering: _Gathering
    place: int

    def encode(self, outputs: Sequence[Tensor]) -> ExchangeAnswer:
        signature = self.request.signature or ""
        return ExchangeAnswer(task_result(self.result(outputs), _RESULTS[self.verb], self.response(outputs), signature))

    def deliver(self, answer: ExchangeAnswer) -> None:
        self.gathering.answered(self.place, answer.body)

    def deliver_error(self, error: BmsError) -> None:
        self.gathering.failed(error)


class MultiInference(Asking):
    """The method MultiInference."""

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        began, key = perf_counter(), call.caller
        assert isinstance(key, KeyEntry)
        request = read_tasks(message)
        first = read_spec(request.tasks[0])
        examples, gathering = examples_of(request), _Gathering(call, len(request.tasks))
        made: list[TaskExchange] = []
        until = None if call.deadline is None else left_s(call.deadline, self._pipeline.monotonic())
        try:
            for place, (meant, verb) in enumerate(_tasks(request, first)):
                size = 0 if made else call.size
                each = TaskExchange(key, call, first._replace(signature=meant.signature), size, began)
                each.verb, each.examples, each.gathering, each.place = verb, examples, gathering, place
                each.timeout_s = until
                if made:
                    each.number, each.alias = made[0].number, None
                made.append(each)
                self._pipeline.prepare(each)
                each.number, each.alias = each.version.number, None  # all by one version, whatever becomes of a replica
                _check_once(made)
            call.state = gathering
            for each in made:
                each.send()
                del each.examples
                gathering.sent.append(each)
        except BmsError as error:
            for each in made[len(gathering.sent) :]:
                each.drop(error)
            raise tfserving_error(first, error) if isinstance(error, NotFound) else error from None

    def cancel(self, call: RpcCall) -> None:
        gathering, call.state = call.state, None
        if isinstance(gathering, _Gathering):
            gathering.cancel()


def _check_once(made: list[TaskExchange]) -> None:
    name = made[-1].request.signature or ""
    if name in [(each.request.signature or "") for each in made[:-1]]:
        raise InvalidArgument(f"Duplicate evaluation of signature: {name}")


def _tasks(request: Any, first: Meant) -> list[tuple[Meant, Verb]]:
    tasks: list[tuple[Meant, Verb]] = []
    for task in request.tasks:
        meant = read_spec(task)
        if meant.name != first.name:
            raise InvalidArgument("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        if (meant.number, meant.label) not in ((None, None), (first.number, first.label)):
            raise InvalidArgument("all tasks are asked of one version: name that of the first, or none")
        verb = _VERBS.get(task.method_name)
        if verb is None:
            raise Unimplemented(f"Unsupported signature method_name: {task.method_name[:200]}")
        tasks.append((meant, verb))
    return tasks
