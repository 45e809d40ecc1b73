"""MLflow directories of several flavors for the runtimes' contract."""

from tests.contract.runtimes.runtime_cases import MAKERS, Case, Framework

SAFE = (
    *("lightgbm", "onnx", "sklearn", "unsigned", "xgboost", "xgboost_classifier"),
    *("onnx_by_column", "order_lightgbm", "order_sklearn", "order_xgboost", "pipeline", "categories"),
    *("lightgbm_classifier",),
)
CODE = (
    *("cloudpickled", "pyfunc", "pyfunc_texts"),
    *("dates", "hinted", "imputes", "optional", "parameters"),
    *("framed", "statsmodels"),
)

TORCH = Framework(
    name="mlflow-torch",
    requirements=("mlflow-skinny==3.17.2", "torch==2.13.0", "safetensors", "pandas", "scipy"),
    maker=MAKERS / "make_mlflow_torch.py",
    cases=(Case("mlflow", "pt2/model", bare=False),),
    heavy=True,
)
FRAMEWORK = Framework(
    name="mlflow",
    requirements=(
        *("mlflow-skinny==3.17.2", "pandas", "scikit-learn", "skops"),
        *("xgboost-cpu", "lightgbm", "onnx", "onnxruntime", "statsmodels"),
    ),
    maker=MAKERS / "make_mlflow.py",
    cases=(
        *(Case("mlflow", f"{name}/model", bare=False) for name in SAFE),
        *(Case("mlflow", f"{name}/model", bare=False, allow_pickle=True) for name in CODE),
    ),
    files=("test_runtime_mlflow.py", "test_runtime_mlflow_gaps.py"),
)
