"""CatBoost's models for the runtimes' contract."""

from tests.contract.runtimes.runtime_cases import MAKERS, Case, Framework

NAMES = ("digits", "words", "several", "counts", "spread", "ranks", "numbers", "mixed", "hashed")

FRAMEWORK = Framework(
    name="catboost",
    requirements=("catboost", "mlflow-skinny==3.17.2"),
    maker=MAKERS / "make_catboost.py",
    cases=(
        *(Case("catboost", f"{name}/model") for name in NAMES),
        Case("mlflow", "tracked/model", bare=False),
        Case("mlflow", "bare/model", bare=False),
    ),
    files=("test_runtime_catboost.py",),
    heavy=True,
)
