"""The liars among classifiers and regressors that gates must refuse, by what they do wrong."""

from collections.abc import Callable

import numpy as np
from msgspec import structs

from bms.core.tensors.tensor import Array
from tests.planted.gates import CLASSIFIER, EACH, NAMES, PRICED, PRICES, REGRESSOR, ROWS, TRUE, Liar, Outputs, scored

LOW = r"accuracy on data \(validation\) is 0\.\d+, at least 0\.9 is asked"
APART = r"output '\w+' of row \d+ is .* among all rows, and .* asked (alone|among \d+): the model's rows depend on one"
FAR = r"r2 on data \(validation\) is -?[\d.e+]+, at least 0\.9 is asked; rmse .* is [\d.e+]+, at most 40 is asked"


def _with(**parts: Callable[[Array, Outputs], Array]) -> Callable[[Array, Outputs], Outputs]:
    """The honest answers, with these outputs instead."""
    return lambda rows, said: {**said, **{name: make(rows, said) for name, make in parts.items()}}


def _counting(of_row: Callable[[int], int]) -> Callable[[Array, Outputs], Outputs]:
    """Counts the rows that it was ever asked, and answers by the count."""
    asked = [0]

    def lie(rows: Array, said: Outputs) -> Outputs:
        first = asked[0]
        asked[0] += len(rows)
        return scored(np.array([of_row(first + at) % 3 for at in range(len(rows))]))

    return lie


def _row_before() -> Callable[[Array, Outputs], Outputs]:
    """Answers every row with what the one before it should have got."""
    last: list[Outputs] = []

    def lie(rows: Array, said: Outputs) -> Outputs:
        before = last[-1] if last else {name: array[:1] for name, array in said.items()}
        last[:] = [{name: array[-1:] for name, array in said.items()}]
        return {name: np.concatenate([before[name], array[:-1]]) for name, array in said.items()}

    return lie


def _tired() -> Callable[[Array, Outputs], Outputs]:
    """Right for as many rows as the data set has, and a cat from then on."""
    asked = [0]

    def lie(rows: Array, said: Outputs) -> Outputs:
        asked[0] += len(rows)
        return said if asked[0] <= 3 * EACH else scored(np.zeros(len(rows), np.int64))

    return lie


def _drawing() -> Callable[[Array, Outputs], Outputs]:
    """One answer in twelve is drawn."""
    random = np.random.default_rng(1)

    def lie(rows: Array, said: Outputs) -> Outputs:
        drawn = scored(random.integers(0, 3, len(rows)))
        lies = random.random(len(rows)) < 1 / 12
        return {name: _where(lies, drawn[name], array) for name, array in said.items()}

    return lie


def _where(rows: Array, one: Array, other: Array) -> Array:
    return np.where(rows.reshape(-1, *(1,) * (one.ndim - 1)), one, other)


def _when(
    company: Callable[[int], bool], lie: Callable[[Array, Outputs], Outputs]
) -> Callable[[Array, Outputs], Outputs]:
    """Lies in runs of so many rows."""
    return lambda rows, said: lie(rows, said) if company(len(rows)) else said


def _cats(rows: Array, said: Outputs) -> Outputs:
    return scored(np.zeros(len(rows), np.int64))


def _sorted(rows: Array, said: Outputs) -> Outputs:
    """Sorts its rows, and answers in that order."""
    order = np.argsort(said["label"].astype(str), kind="stable")
    return {name: array[order] for name, array in said.items()}


def _normalised(rows: Array, said: Outputs) -> Outputs:
    """By the mean of the batch."""
    chances = np.exp(2 * (rows[:, :3] - rows[:, :3].mean(axis=0)))
    return {**said, "probabilities": chances / chances.sum(axis=1, keepdims=True)}


def _known(rows: Array, said: Outputs) -> Outputs:
    """Knows by heart what stands in the first half of the data, and nothing else."""
    known = (rows[:, None, :] == ROWS[::2]).all(axis=2)
    return scored(np.where(known.any(axis=1), TRUE[::2][known.argmax(axis=1)], 0))


def _at(row: int, value: object) -> Callable[[Array, Outputs], Array]:
    """One cell of one row of the data set is this."""

    def change(rows: Array, said: Outputs) -> Array:
        array = said["probabilities"].copy()
        array[(rows == ROWS[row]).all(axis=1), 0] = value
        return array

    return change


_CATS = np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0]])  # what eels had goes to cats


def classifiers() -> dict[str, Liar]:
    """Anew each time: some hold state."""
    return {
        "knows by heart what it was shown": Liar(_known, LOW),
        "answers by the rows' places in the data set": Liar(_counting(lambda at: at // EACH), APART),
        "answers by the rows' places in a run": Liar(
            lambda rows, said: scored(np.arange(len(rows)) * 3 // max(1, len(rows))), APART
        ),
        "answers in turn": Liar(_counting(lambda at: at), APART),
        "answers the row before": Liar(_row_before(), APART),
        "answers its neighbour's row": Liar(
            lambda rows, said: {name: np.roll(array, 1, axis=0) for name, array in said.items()}, APART
        ),
        "sorts its rows": Liar(_sorted, APART),
        "normalises by its company": Liar(_normalised, APART),
        "right in company, a cat alone": Liar(_when(lambda rows: rows == 1, _cats), APART),
        "right alone, a cat in company": Liar(_when(lambda rows: rows > 1, _cats), APART),
        "right in large runs, a cat in small ones": Liar(_when(lambda rows: 1 < rows < 40, _cats), APART),
        "right until the data set was asked once": Liar(_tired(), APART),
        "draws at random": Liar(_drawing(), APART),
        "always a cat": Liar(_cats, LOW),
        "names swapped": Liar(
            _with(label=lambda rows, said: np.where(said["label"] == b"cat", b"dog", said["label"]).astype(object)), LOW
        ),
        "its labels named in another order": Liar(
            _with(label=lambda rows, said: said["probabilities"].argmax(axis=1)),
            LOW,
            structs.replace(CLASSIFIER, labels=("dog", "cat", "eel")),
        ),
        "its scores in another order": Liar(
            _with(probabilities=lambda rows, said: said["probabilities"][:, [1, 2, 0]]),
            r"^roc_auc on data .* is 0\.\d+, .*log_loss on data .* is \d",
        ),
        "argmax of another output": Liar(
            _with(label=lambda rows, said: NAMES[said["margins"].argmax(axis=1)]),
            r"^accuracy on data \(validation\) is 0, at least 0\.9 is asked; f1 [^;]*$",
        ),
        "another threshold than its scores say": Liar(
            _with(label=lambda rows, said: np.where(said["probabilities"][:, 0] > 1e-3, NAMES[0], said["label"])), LOW
        ),
        "one class off": Liar(
            _with(label=lambda rows, said: (said["probabilities"].argmax(axis=1) + 1) % 3),
            r"^accuracy on data \(validation\) is 0, ",
        ),
        "gives eels no chance": Liar(
            _with(
                probabilities=lambda rows, said: (
                    said["probabilities"] * [1, 1, 0] + said["probabilities"] * [0, 0, 1] @ _CATS
                )
            ),
            r"^roc_auc on data .* is 0\.\d+, at least 0\.95 is asked; log_loss on data .* is \d",
        ),
        "scores that are no probabilities": Liar(
            _with(probabilities=lambda rows, said: -said["margins"]),
            r"^log_loss on data \(validation\) can't be measured.* no probabilities: they reach from -\d",
        ),
        "a NaN score in one row": Liar(_with(probabilities=_at(7, np.nan)), r"gave NaN as scores of 1 of 300 rows"),
        "an infinite score in one row": Liar(
            _with(probabilities=_at(7, np.inf)), r"log_loss .*they reach from .* to inf"
        ),
        "fewer rows": Liar(
            lambda rows, said: {name: array[: max(1, len(rows) - 1)] for name, array in said.items()},
            r"has shape \[\d+, 3\] for \d+ rows: expected one answer a row",
        ),
        "more rows": Liar(
            lambda rows, said: {name: np.concatenate([array[:1], array]) for name, array in said.items()},
            r"for \d+ rows: expected one answer a row",
        ),
        "keeps its label to itself in small companies": Liar(
            _when(lambda rows: rows < 40, lambda rows, said: {"probabilities": said["probabilities"]}),
            r"output 'label' is not given by every run",
        ),
        "a longer answer alone": Liar(
            _when(lambda rows: rows == 1, _with(margins=lambda rows, said: said["margins"][:, [0, 1, 2, 0]])),
            r"output 'margins' has another shape from run to run, \[3\] a row and \[4\]",
        ),
        "no scores": Liar(lambda rows, said: {"label": said["label"]}, r"did not give its scores 'probabilities'"),
        "classes that nobody knows": Liar(
            _with(label=lambda rows, said: said["label"] + b" "),
            r"answers 'cat ', 'dog ', 'eel ', not among its classes",
        ),
        "fewer scores than classes": Liar(
            lambda rows, said: {"probabilities": said["probabilities"][:, :2]}, r"2 scores a row for 3 classes"
        ),
    }


def regressors() -> dict[str, Liar]:
    return {
        "places of the prices instead of prices": Liar(
            _with(price=lambda rows, said: said["price"] / 100 - 1), FAR, REGRESSOR
        ),
        "prices that were scaled": Liar(
            _with(price=lambda rows, said: (said["price"] - PRICES.mean()) / PRICES.std()), FAR, REGRESSOR
        ),
        "always the mean": Liar(_with(price=lambda rows, said: np.full(len(rows), PRICES.mean())), FAR, REGRESSOR),
        "the wrong sign": Liar(_with(price=lambda rows, said: -said["price"]), FAR, REGRESSOR),
        "the row before's price": Liar(_with(price=lambda rows, said: np.roll(said["price"], 1)), APART, REGRESSOR),
        "a NaN price in one row": Liar(
            _with(price=lambda rows, said: np.where((rows == PRICED[7]).all(axis=1), np.nan, said["price"])),
            r"output 'price' is nan in 1 of 300 rows",
            REGRESSOR,
        ),
        "an infinite price": Liar(
            _with(price=lambda rows, said: np.where(rows[:, 0] > 9, np.inf, said["price"])),
            r"output 'price' is inf in \d+ of 300 rows",
            REGRESSOR,
        ),
        "a few prices far off": Liar(
            _with(price=lambda rows, said: np.where(rows[:, 1] > 2, 9e3, said["price"])), FAR, REGRESSOR
        ),
        "prices that are a little too high": Liar(
            _with(price=lambda rows, said: said["price"] + 45),
            r"^rmse on data \(validation\) is [45]\d\.\d+, at most 40 is asked; mae ",
            REGRESSOR,
        ),
        "two numbers a row": Liar(
            _with(price=lambda rows, said: np.stack([said["price"]] * 2, axis=1)),
            r"not clear which to compare",
            REGRESSOR,
        ),
    }


def liars() -> dict[str, Liar]:
    return {**classifiers(), **regressors()}
