"""Every estimator of scikit-learn answers as the library does once it is served, or is refused before, in words.

In `make test` every third is tried once, the kinds of data and the ways to save it taken in turns; the long form tries
all of them on every kind of data, saved in both ways, with all the parameters of scikit-learn's own common tests.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.contract.runtimes.cases.sklearn import TABLES
from tests.framework_env import told_by

HERE = Path(__file__).parent
Result = dict[str, str]

# What may be refused, and why: by estimator, "*" for any.
EXPECTED = {
    "*": (
        r"^the file holds a \w+, (which|a search)|draws at random",
        r"mixes texts and numbers",
    ),
    "FeatureHasher": (r"n_features_in_", r"has no attribute 'items'"),
    "DictVectorizer": (r"n_features_in_",),
    "PatchExtractor": (r"n_features_in_", r"not enough values to unpack", r"Sparse data was passed"),
    "OrdinalEncoder": (r"Pipeline does not run on an example: ValueError: Found unknown categories",),
    "RadiusNeighbors": (r"No neighbors found",),
    "SkewedChi2Sampler": (r"smaller than -skewedness",),
}


def said_by(script: str, arguments: list[str], patience_s: float) -> list[Any]:
    """The JSON lines of a script, run where scikit-learn is."""
    return told_by(TABLES.environment, HERE / script, *arguments, patience_s=patience_s)


def judged(results: list[Result]) -> Counter[str]:
    """How many there were of each outcome; none may be wrong, and none refused without a known reason."""
    odd = [one for one in results if one["outcome"] == "wrong" or (one["outcome"] == "refused" and not known(one))]
    assert not odd, "\n".join(map(str, odd[:20]))
    return Counter(one["outcome"] for one in results)


def known(refused: Result) -> bool:
    reasons = [reason for name, those in EXPECTED.items() if name == "*" or name in refused["name"] for reason in those]
    return any(re.search(reason, refused["why"]) for reason in reasons)


@pytest.mark.timeout(900)
def test_estimators_are_served_as_they_answer_or_refused_in_words(tmp_path: Path) -> None:
    outcomes = judged(said_by("sklearn_sweep.py", [str(tmp_path), "short"], 800))
    assert outcomes["served"] >= 55, outcomes


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_every_estimator_on_every_kind_of_data_saved_in_every_way(tmp_path: Path) -> None:
    outcomes = judged(said_by("sklearn_sweep.py", [str(tmp_path), "full"], 7000))
    assert outcomes["served"] >= 1500, outcomes


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("form", "models"), [("short", 30), pytest.param("full", 200, marks=[pytest.mark.long, pytest.mark.timeout(3600)])]
)
def test_what_estimators_hold_of_their_library_is_trusted_in_skops_files(form: str, models: int) -> None:
    said = said_by("sklearn_variants.py", [form], 3000)
    assert [one for one in said if one["refused"]] == []
    assert len(said) >= models
