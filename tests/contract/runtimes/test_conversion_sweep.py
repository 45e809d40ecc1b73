"""Every estimator of scikit-learn becomes an ONNX child that answers as the library does, or is refused in words: none
is converted wrongly. Boosters of other libraries within a pipeline are among them.
"""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.framework_env import TABLES, told_by

HERE = Path(__file__).parent
Result = dict[str, str]

# What becomes of estimators that people convert; of those that are refused, in which words.
COMMON = {
    "saturated": r"output 'label', row \d+ of train: the parent answers 'white', the converted model 'rosé'",
    "tuned threshold": r"output 'label', row \d+ of train: the parent answers (True|False), the converted model",
    "fixed threshold": r"skl2onnx can't convert this FixedThresholdClassifier",
    "forest of prices": r"output 'prediction', row \d+ of train: .* apart where 1e-05 is allowed \(--tolerance\)",
    "boosting": r"output 'prediction', row \d+ .* apart where 1e-05 is allowed \(--tolerance\)",
    "outliers": r"skl2onnx can't convert this IsolationForest",
    "levels": r"output 'probabilities'\[\d\], row \d+ of unusual numbers",
    "texts": r"takes BYTES \[-1\]: only rows of numbers are converted; .* convert what follows the vectoriser",
    "table": r"takes a table, .* fit it on an array of numbers",
    "XGBClassifier": r"skl2onnx can't convert this Pipeline",
    "LGBMClassifier": r"skl2onnx can't convert this Pipeline",
    **dict.fromkeys(("logistic", "forest", "tree", "two classes"), "probabilities"),
    **dict.fromkeys(("linear svm", "svm", "ridge classifier", "ridge of two"), "label 0, decision"),
    **dict.fromkeys(("line", "line of singles", "line of two targets", "forest of numbers"), "prediction"),
}
SABOTAGED = {
    "output renamed": r"no output 'label': this model gives 'probabilities', 'class'",
    "output missing": r"no output 'label'",
    "answers in singles": r"output 'probabilities' is FP64, the model has FP32",
    "labels as columns": r"output 'label' has shape \[-1\], the model has \[-1, 1\]",
    "probabilities permuted": r"output 'probabilities'\[\d\], row \d+ of train",
    "neighbours' labels": r"batched of signature 'serving_default': the parent says True, the converted model False",
    "rows dropped": r"output 'label' has shape \[64\] for \d+ rows",
    "constant": r"output 'probabilities'\[\d\], row \d+ of train",
    "a class off by a thousandth": r"output 'probabilities'\[1\], row \d+ of train: .* 0\.00\d* apart",
    "rows depend on the batch": r"output 'probabilities'\[\d\], row \d+ of train",
}
# Every refusal says what was refused, and one of these of why, or of which row.
REASONS = (
    r"^skl2onnx can't convert this \w+ of \w+: ",
    r"^output '\w+'(\[[\d, ]+\])?, row \d+ of [\w ,]+: the parent answers .*, the converted model ",
    r"^the converted model(, asked \d+ rows| can't be served as its parent is: )",
    r"^the \w+ (takes|gives|answers) ",
    r"^this \w+ has a split",
    r"^batched of signature .*: the parent says True, the converted model False, since (all \d+ examples|output '\w+')",
)


def said_by(folder: Path, *forms: str, patience_s: float = 600) -> list[Result]:
    script = HERE / "conversion_sweep.py"
    return told_by(TABLES, script, str(folder / "sweep"), *forms, patience_s=patience_s)


def judged(results: list[Result]) -> Counter[str]:
    """How many there were of each outcome: none wrong, and none refused without a reason."""
    odd = [one for one in results if one["outcome"] == "wrong" or (one["outcome"] == "refused" and not reasoned(one))]
    assert not odd, "\n".join(map(str, odd[:20]))
    assert not [one for one in results if "/output/" in one["why"]], "a refusal tells where the job ran"
    return Counter(one["outcome"] for one in results)


def reasoned(one: Result) -> bool:
    return any(re.search(reason, one["why"]) for reason in REASONS)


@pytest.mark.timeout(900)
def test_what_people_convert_answers_as_the_library_or_is_refused_in_words(tmp_path: Path) -> None:
    results = said_by(tmp_path, "common", "unproved", "sabotaged", "some")
    of = {form: [one for one in results if one["form"] == form] for form in ("common", "unproved", "sabotaged", "some")}
    judged(of["common"])
    assert {one["name"] for one in of["common"]} == set(COMMON)
    for one in of["common"]:
        assert re.search(COMMON[one["name"]], one["why"]), one
    # The comparison with the library does find wrong children, where nothing was proved.
    wrong = {one["name"] for one in of["unproved"] if one["outcome"] == "wrong"}
    assert wrong >= {"saturated", "tuned threshold", "levels", "forest"}
    assert {one["name"] for one in of["sabotaged"]} == set(SABOTAGED)
    for one in of["sabotaged"]:
        assert one["outcome"] == "refused", one
        assert re.search(SABOTAGED[one["name"]], one["why"]), one
        assert "it is not registered, and the parent is served as it is" in one["why"], one
    assert judged(of["some"])["converted"] >= 5


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_every_estimator_on_every_kind_of_data(tmp_path: Path) -> None:
    outcomes = judged(said_by(tmp_path, "full", patience_s=7000))
    assert outcomes["converted"] >= 320, outcomes
