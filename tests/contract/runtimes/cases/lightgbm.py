"""LightGBM's boosters for the runtimes' contract."""

from tests.contract.runtimes.runtime_cases import MAKERS, Case, Framework

NAMES = (
    *("category", "digits", "linear", "odd", "ranking", "sum"),
    *("each", "entropy", "counts", "own", "forest"),
    *("numbers", "mixed"),
)

FRAMEWORK = Framework(
    name="lightgbm",
    requirements=("lightgbm", "pandas"),
    maker=MAKERS / "make_lightgbm.py",
    cases=tuple(Case("lightgbm", f"{name}/model") for name in NAMES),
    files=("test_runtime_lightgbm.py",),
)
