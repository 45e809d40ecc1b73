"""Models in plain Python for the runtimes' contract."""

from tests.contract.runtimes.runtime_cases import MAKERS, Case, Framework

FRAMEWORK = Framework(
    name="python",
    requirements=("numpy",),
    maker=MAKERS / "make_python.py",
    cases=(
        Case("python", "digits/model", bare=False),
        Case("python", "bare/model", bare=False),
        Case("python", "streams/model", bare=False, batched=False),
        Case("python", "words/model", bare=False, batched=False),
    ),
    at_home=True,
)
