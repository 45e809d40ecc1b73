"""XGBoost's boosters for the runtimes' contract."""

from tests.contract.runtimes.runtime_cases import MAKERS, Case, Framework

NAMES = (
    *("best", "dart", "digits", "linear", "odd", "softmax", "sum", "targets"),
    *("several", "hinge", "margin", "quantiles", "one_tree", "counts"),
    *("numbers", "mixed"),
    *("named_targets", "named_tree", "named_labels", "ranks", "survival"),
)

FRAMEWORK = Framework(
    name="xgboost",
    requirements=("xgboost-cpu", "pandas", "scikit-learn"),
    maker=MAKERS / "make_xgboost.py",
    cases=tuple(Case("xgboost", f"{name}/model") for name in NAMES),
    files=("test_runtime_xgboost.py",),
)
