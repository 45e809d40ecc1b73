"""Keras models for the runtimes' contract."""

from tests.contract.runtimes.runtime_cases import MAKERS, Case, Framework

FRAMEWORK = Framework(
    name="keras",
    requirements=("keras>=3.12", "torch==2.13.0", "pillow"),
    maker=MAKERS / "make_keras.py",
    cases=tuple(
        Case("keras", f"{name}/model")
        for name in (
            *("sequential", "legacy", "functional", "masked", "lengths", "computed"),
            *("nested", "steps"),
        )
    ),
    files=("test_runtime_keras.py",),
    heavy=True,
)
