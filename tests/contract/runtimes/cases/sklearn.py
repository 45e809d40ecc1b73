"""scikit-learn's estimators for the runtimes' contract."""

from pathlib import Path

from tests import framework_env
from tests.contract.runtimes.runtime_cases import Case, Framework

HERE = Path(__file__).parent.parent

NAMES = (
    *("clusters32", "digits", "forest", "joblib", "kmeans", "layers32", "pca", "pickled", "ridge", "scaled32", "texts"),
    "times",
)

FRAMEWORK = Framework(
    name="sklearn",
    requirements=framework_env.SKLEARN,
    maker=HERE / "make_artifacts.py",
    cases=tuple(Case("sklearn", f"sklearn/{name}", allow_pickle=name in ("joblib", "pickled")) for name in NAMES),
    files=("test_runtime_sklearn.py", "test_runtime_sklearn_onnx.py"),
)

TABLE_NAMES = (
    *(
        "boosting",
        "columns",
        "grid",
        "logged",
        "nones",
        "numbers",
        "selected",
        "singles",
        "stacking",
        "targets",
        "voting",
    ),
)

TABLES = Framework(
    name="sklearn-tables",
    requirements=framework_env.TABLES,
    maker=HERE / "make_tables.py",
    cases=tuple(Case("sklearn", f"{name}/model") for name in ("boosting", "columns", "numbers", "targets")),
    files=("test_runtime_sklearn_tables.py",),
)
