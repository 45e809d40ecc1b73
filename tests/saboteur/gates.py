"""The proof of a gate, turned on itself: one part of the measuring is broken at a time, and a planted liar must pass
then, or an honest model be refused. What breaks and is not noticed would be a part that measures nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
from msgspec import structs

from bms.app.tasks import evaluate
from bms.app.tasks.evaluation import classes, measuring, running
from bms.app.tasks.evaluation.target import TrueClasses
from bms.control.evaluation import findings
from bms.control.models import gates
from bms.control.models.nouns import Gate, GateResult
from bms.core.errors import BmsError, FailedPrecondition
from tests.planted import gates as planted
from tests.planted.gate_liars import Liar, liars
from tests.saboteur.frame import Proof, Saboteur


class Broken(NamedTuple):
    """`part` of `place` is replaced while the gate is measured."""

    place: Any
    part: str
    by: Any


Subject = tuple[Broken, ...]


def refuses_all(subject: Subject) -> None:
    _judge(subject, liars().items())


def refuses_one(subject: Subject) -> None:
    """The proof on a single liar."""
    _judge(subject, [("always a cat", liars()["always a cat"])])


def _judge(subject: Subject, planted_ones: Any) -> None:
    with ExitStack() as broken:
        for place, part, by in subject:
            broken.enter_context(patch.object(place, part, by))
        for honest in (planted.HONEST, planted.HONEST_REGRESSOR):
            if (why := _refusal(honest)) is not None:
                raise FailedPrecondition(f"an honest model is refused: {why}")
        for name, liar in planted_ones:
            if _refusal(liar) is None:
                raise FailedPrecondition(f"passed: {name}")


def _refusal(liar: Liar) -> str | None:
    try:
        planted.judge(planted.model(liar))
    except BmsError as error:
        return error.message
    return None


def breaking(place: Any, part: str, by: Any, refusal: str) -> Saboteur:
    return Saboteur(lambda subject: (*subject, Broken(place, part, by)), refusal)


def in_the_datas_order(servable: Any, given: Any, progress: Any, random: Any) -> Any:
    return running.run_all(servable, given, progress)


def in_one_large_company(rows: Any, batched: bool) -> Iterator[Any]:
    yield rows


def sure_of_what_it_answers(answers: Any, scores: Any) -> Any:
    chances = np.full((len(answers.true), len(answers.names)), 1e-3)
    chances[np.arange(len(chances)), answers.answered] = 1 - 1e-3 * (len(answers.names) - 1)
    return OF_CLASSES(answers, answers._replace(scores=chances))


def by_place(target: TrueClasses, model: Any) -> Any:
    return np.arange(len(target.names))


def by_codes(target: TrueClasses) -> Any:
    return target.codes.astype(np.float64)


def on_what_was_shown(servable: Any, manifest: Any, columns: Any, *rest: Any) -> Any:
    return EVALUATED(servable, manifest, {name: column[::2] for name, column in columns.items()}, *rest)


def at_least_alone(gate: Gate, value: float) -> bool:
    return gate.minimum is None or value >= gate.minimum


def at_least(gate: Gate, value: float) -> bool:
    return value >= gates.bound(gate)


def unmeasured_passes(gate: Gate, newest: GateResult | None) -> Any:
    return ("passed", "") if newest is None or newest.value is None else JUDGED(gate, newest)


def of_the_first(asked: Any, results: Any) -> Any:
    return STANDINGS(asked[:1], results)


def failed_jobs_count(job: Any, gate: Gate, at: Any) -> GateResult:
    given = structs.replace(job, state="succeeded", metrics={gate.metric: gates.bound(gate), **job.metrics})
    return RESULT_OF(given, gate, at)


OF_CLASSES, EVALUATED, JUDGED = measuring.of_classes, evaluate.evaluated, gates._judged
STANDINGS, RESULT_OF = gates.standings, findings.result_of
Patch = Callable[[Any], Any]

PROOFS = (
    Proof(
        "a gate refuses every planted liar",
        tuple,
        refuses_all,
        {
            "rows in the data set's order": breaking(
                evaluate, "answers", in_the_datas_order, r"passed: answers by the rows' places in the data set"
            ),
            "no row is asked again": breaking(running, "_ask_again", lambda *given: None, r"passed: normalises by its"),
            "asked again in one large company": breaking(
                running, "_companies", in_one_large_company, r"passed: right in company, a cat alone"
            ),
            "asked again alone only": breaking(running, "ALONE", 10_000, r"passed: right in large runs"),
            "asked again in company only": breaking(running, "ALONE", 0, r"passed: right in company, a cat alone"),
            "all answers are near enough": breaking(
                running, "close", lambda one, other: True, r"passed: normalises by its"
            ),
            "the best score counts, whatever is answered": breaking(
                measuring, "LABEL", "no output", r"passed: names swapped"
            ),
            "the answer counts, whatever the scores": breaking(
                measuring, "of_classes", sure_of_what_it_answers, r"passed: its scores in another order"
            ),
            "classes by place": breaking(
                classes, "_true_places", by_place, r"passed: its labels named in another order"
            ),
            "codes in place of numbers": breaking(
                TrueClasses, "numbers", by_codes, r"an honest model is refused: r2 on data .* is -"
            ),
            "measured on what it was shown": breaking(
                planted, "evaluated", on_what_was_shown, r"passed: knows by heart what it was shown"
            ),
            "upper bounds are not asked": breaking(
                gates, "reached", at_least_alone, r"passed: prices that are a little too high"
            ),
            "all bounds are lower ones": breaking(
                gates, "reached", at_least, r"an honest model is refused: log_loss on data .* at most"
            ),
            "what can't be measured passes": breaking(gates, "_judged", unmeasured_passes, r"passed: answers by"),
            "a failed job passes": breaking(planted, "result_of", failed_jobs_count, r"passed: answers by"),
            "only the first gate is asked": breaking(
                gates, "standings", of_the_first, r"passed: its scores in another order"
            ),
        },
        refuses_one,
    ),
)
