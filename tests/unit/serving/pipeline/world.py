"""One gateway's pipeline in memory: links that do what the test says, books that are a list, an exchange without a
wire."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from time import perf_counter

import msgspec
import numpy as np

from bms.core.access.credentials import new_key, secret_digest
from bms.core.clock import ManualClock
from bms.core.errors import BmsError
from bms.core.serving.snapshot import DeploymentEntry, KeyEntry, ReplicaAddress, ServedVersion, SnapshotUpdate
from bms.core.tensors.request import InferRequest
from bms.core.tensors.sequences import SequenceStep as SequenceStep
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Tensor
from bms.protocols.frames import AnswerMeta
from bms.serving.pipeline.exchange import Exchange
from bms.serving.pipeline.metrics import GatewayMetrics
from bms.serving.pipeline.pipeline import Pipeline
from bms.serving.pipeline.step import StepMaker
from bms.serving.pipeline.write_batch import ExchangeAnswer, WriteBatch
from bms.serving.traffic.dispatcher import ReplicaDispatcher
from bms.serving.traffic.metering import Usage
from bms.serving.traffic.replicas import ReplicaTable
from bms.serving.traffic.snapshot_index import SnapshotIndex
from tests.unit.serving.traffic.test_traffic_dispatcher import Link

PEPPER = b"p" * 32
SIGNATURE = Signature(
    inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 2)),),
    outputs=(TensorSpec(name="y", dtype="FP32", shape=(None, 2)),),
    batched=True,
)
OTHER = msgspec.structs.replace(SIGNATURE, inputs=(TensorSpec(name="z", dtype="FP32", shape=(None, 2)),))


def version(number: int, replica: str, weight: int = 1, signature: Signature = SIGNATURE) -> ServedVersion:
    return ServedVersion(
        number=number,
        state="AVAILABLE",
        signatures={DEFAULT: signature},
        replicas=(ReplicaAddress(id=replica, address=f"unix:/{replica}"),),
        weight=weight,
        aliases=("canary",) if number == 2 else (),
    )


def deployment(*versions: ServedVersion, name: str = "m", tenant: str = "a", most: int = 8) -> DeploymentEntry:
    return DeploymentEntry(
        id=f"dep_{tenant}_{name}", tenant=tenant, name=name, model=name, versions=versions, max_in_flight=most
    )


class Told(Exchange):
    """An exchange without a wire: `value` is what comes, `told` what its client gets."""

    def __init__(self, key: KeyEntry, model: str, value: float, size: int, fields: Mapping[bytes, bytes]) -> None:
        super().__init__(key, model, None, None, "id", size, perf_counter())
        self.value = value
        self.headers = fields
        self.sequence: SequenceStep | None = None
        self.decoded_for: list[str] = []
        self.told: list[object] = []

    @property
    def fields(self) -> Mapping[bytes, bytes]:
        return self.headers

    def decode(self, signatures: Mapping[str, Signature]) -> None:
        name = signatures[DEFAULT].inputs[0].name
        self.decoded_for.append(name)
        inputs = [Tensor(name, np.full((1, 2), self.value, np.float32))]
        self.request = InferRequest(model=self.model, inputs=inputs, signature=DEFAULT, sequence=self.sequence)
        self.rows = 1

    def encode(self, outputs: Sequence[Tensor]) -> ExchangeAnswer:
        return ExchangeAnswer(b" ".join(b"%g" % value for value in outputs[0].array.ravel()))

    def deliver(self, answer: ExchangeAnswer) -> None:
        self.told.append(answer.body)

    def deliver_error(self, error: BmsError) -> None:
        self.told.append(error.code)


class World:
    """Tenant `a` with the key `key`, and the deployments that a test serves."""

    def __init__(self, *entries: DeploymentEntry, steps: Sequence[StepMaker] = ()) -> None:
        self.clock = ManualClock()
        self.links: dict[str, Link] = {}
        self.table = ReplicaTable(lambda address: self.links.setdefault(address.id, Link()))
        self.usages: list[Usage] = []
        self.write_batch = WriteBatch(self, lambda close: None)
        self.draws: Iterator[float] = repeat(0.0)
        self.dispatcher = ReplicaDispatcher(
            self.table, lambda: self.pipeline.index, self.clock.monotonic, lambda: next(self.draws), lambda: None
        )
        self.pipeline = Pipeline(
            dispatcher=self.dispatcher,
            write_batch=self.write_batch,
            metrics=GatewayMetrics(0),
            monotonic=self.clock.monotonic,
            unix_ns=lambda: 1,
            random=lambda: next(self.draws),
            steps=steps,
        )
        self.text = new_key()
        digest = secret_digest(PEPPER, self.text.secret)
        self.key = KeyEntry(
            id=self.text.key_id, tenant="a", user="u", role="developer", scopes=frozenset(), digest=digest
        )
        update = SnapshotUpdate(revision=1, full=True, puts=(self.key,), pepper=PEPPER)
        self.pipeline.update(SnapshotIndex().apply(update))
        self.serve(*entries)

    def write(self, usages: Sequence[Usage]) -> None:
        self.usages += usages

    def serve(self, *entries: DeploymentEntry) -> None:
        before = self.pipeline.index
        after = before.apply(SnapshotUpdate(revision=before.revision + 1, full=False, puts=entries))
        self.pipeline.update(after)
        for entry in entries:
            known = before.by_id.get(entry.id)
            self.table.update(known.entry if known else None, entry)

    def make(self, value: float = 1.0, size: int = 8, model: str = "m", **fields: str) -> Told:
        headers = {name.encode().replace(b"_", b"-"): text.encode() for name, text in fields.items()}
        return Told(self.key, model, value, size, headers)

    def run(self, told: Told) -> Told:
        """Runs it, and reports a refusal as handlers do."""
        try:
            self.pipeline.run(told)
        except BmsError as error:
            told.told.append(error.code)
        return told

    def ask(self, value: float = 1.0, size: int = 8, model: str = "m", **fields: str) -> Told:
        return self.run(self.make(value, size, model, **fields))

    def sent(self, replica: str) -> int:
        """How many calls are with it."""
        return len(self.links[replica].sent)

    def answer(self, replica: str, value: float = 7.0) -> None:
        """The replica answers all it has, and the loop comes round."""
        link = self.links[replica]
        for id in list(link.sent):
            link.sent.pop(id).on_answer(AnswerMeta(True, 0, 5, ()), [Tensor("y", np.full((1, 2), value, np.float32))])
        self.write_batch.close()
