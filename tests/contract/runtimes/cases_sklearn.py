"""scikit-learn's estimators for the runtimes' contract."""

from pathlib import Path

from tests.contract.runtimes.runtime_cases import Case, Framework
from tests.framework_env import SKLEARN

NAMES = (
    *("clusters32", "digits", "forest", "joblib", "kmeans", "layers32", "pca", "pickled", "ridge", "scaled32", "texts"),
    "times",
)

FRAMEWORK = Framework(
    name="sklearn",
    requirements=SKLEARN,
    maker=Path(__file__).with_name("make_artifacts.py"),
    cases=tuple(Case("sklearn", f"sklearn/{name}", allow_pickle=name in ("joblib", "pickled")) for name in NAMES),
    files=("test_runtime_sklearn.py",),
)
