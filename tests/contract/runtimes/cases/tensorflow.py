"""TensorFlow SavedModels for the runtimes' contract."""

from tests.contract.runtimes.runtime_cases import MAKERS, Case, Framework

FRAMEWORK = Framework(
    name="tensorflow",
    requirements=("tensorflow-cpu",),
    maker=MAKERS / "make_tensorflow.py",
    cases=tuple(
        Case("tensorflow", f"{name}/model", bare=False) for name in ("exported", "module", "numbered", "subclassed")
    ),
    files=("test_runtime_tensorflow.py",),
    heavy=True,
)
