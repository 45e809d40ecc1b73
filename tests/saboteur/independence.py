"""The proof that rows are independent: models that mix them up are caught, and a proof that looks less closely is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from bms.core.errors import BmsError, FailedPrecondition
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Array
from bms.serving.inference import probe
from bms.serving.inference import row_independence as independence
from bms.serving.inference.row_independence import LARGE, Limit
from bms.serving.lifecycle.synthetic_rows import Domain, question
from bms.serving.lifecycle.unusual_rows import UnusualRow
from tests.planted.rows import LIARS, Inputs, Outputs, honest, judge
from tests.saboteur.frame import Proof, Saboteur

Model = Callable[[Inputs], Outputs]
Judge = Callable[[Model], object]


def lying(make: Callable[[], Model], refusal: str) -> Saboteur:
    return Saboteur(lambda model: make(), refusal)


def with_copies_of_itself(model: Model) -> object:
    """The proof on one row, in a batch of its own copies."""
    with (
        patch.object(independence, "batches_to_test", lambda count, most: [[0, 0, 0]]),
        patch.object(probe, "unusual_rows", nobody),
    ):
        return judge(model)


def finds_all_liars(judges: Judge) -> None:
    """Raises FailedPrecondition naming the liars that a proof lets pass."""
    passed = []
    for name, (make, _) in LIARS.items():
        try:
            judges(make())
        except BmsError:
            continue
        passed.append(name)
    if passed:
        raise FailedPrecondition(f"let pass: {', '.join(passed)}")


def looking(**less: object) -> Callable[[Judge], Judge]:
    """A proof with parts of it replaced, by their names."""

    def breaks(judges: Judge) -> Judge:
        def weak(model: Model) -> object:
            with replaced(**less):
                return judges(model)

        return weak

    return breaks


@contextmanager
def replaced(**parts: object) -> Iterator[None]:
    names = list(parts)
    if not names:
        yield
        return
    module = independence if hasattr(independence, names[0]) else probe
    with patch.object(module, names[0], parts[names[0]]), replaced(**{name: parts[name] for name in names[1:]}):
        yield


def nobody(signature: Signature, row: Inputs) -> Iterator[UnusualRow]:
    return iter(())


def orders(*batches: list[int]) -> Callable[[int, int], list[list[int]]]:
    return lambda count, most: [[row % count for row in order] for order in batches]


def all_alike(signature: Signature, domain: Domain, number: int) -> Inputs:
    return question(signature, domain, 0)


def of_one_shape(one: Array, other: Array, _: Limit) -> bool:
    return one.shape == other.shape


PROOFS = (
    Proof(
        "rows share runs only if they are independent",
        lambda: honest,
        judge,
        {name: lying(make, refusal) for name, (make, refusal) in LIARS.items()},
        with_copies_of_itself,
    ),
    Proof(
        "the proof of independence looks at all that it must",
        lambda: judge,
        finds_all_liars,
        {
            "a row is compared with itself": Saboteur(
                looking(batches_to_test=orders(*([row] for row in range(8))), unusual_rows=nobody),
                "centred.*the longest text.*in pairs",
            ),
            "neighbours are equal": Saboteur(
                looking(batches_to_test=orders([0, 0], [1, 1, 1]), unusual_rows=nobody), "the longest text"
            ),
            "one order": Saboteur(looking(batches_to_test=orders([*range(8)])), "in crowds, in large crowds, in pairs"),
            "no crowd": Saboteur(looking(largest_batch=lambda rows, count: 9, LARGE=9), "in crowds"),
            "no large crowd": Saboteur(looking(largest_batch=lambda rows, count: LARGE), "pass: in large crowds$"),
            "no unusual neighbours": Saboteur(
                looking(unusual_rows=nobody),
                "beside a huge number, beside a long text, beside what is no number, filled from the others, dropping",
            ),
            "whole numbers of 0 and 1": Saboteur(
                looking(_widest=lambda model, signature, domain: domain), "where ids are large"
            ),
            "the same answer to all counts": Saboteur(looking(_differ=lambda *_: True), "saying the same"),
            "rows that are alike": Saboteur(
                looking(question=all_alike, _differ=lambda *_: True, unusual_rows=nobody), "longest text"
            ),
            "shapes alone": Saboteur(looking(_close=of_one_shape, _differ=lambda *_: True), "centred"),
        },
    ),
)
