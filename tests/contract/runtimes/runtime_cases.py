"""What the runtimes' contract suite must know of a framework: a module `cases_<framework>.py` says it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bms.core.tensors.signature import Signature
from bms.core.workloads.programs import ServableConfig
from tests.framework_env import made_by
from tests.sizes import some

MAKERS = Path(__file__).parent.parent.parent / "frameworks"
CHOSEN = "BMS_CONTRACT_FRAMEWORK"  # in the environment: whose cases the suite is to run; empty: those that run at home
SUITE = ("msgspec", "pytest")  # what the suite itself needs beside a framework, which brings NumPy


class Case(NamedTuple):
    """A good model: `folder` is its artifact, below what the maker made.

    Where an `expected.npz` lies beside that folder, with arrays named as the first signature's inputs and outputs, the
    model's answers are compared with it.
    """

    runtime: str
    folder: str
    batched: bool = True  # whether the model's rows are independent, and any number of them goes
    bare: bool = True  # the file model.* is recognised alone and whatever its name; else the folder as a whole
    signatures: Mapping[str, Signature] = {}  # what must be said, where the format does not tell it
    allow_pickle: bool = False
    rtol: float = 1e-5  # between a row's answer alone and in company, and to what is expected
    bytes_exact: bool = True  # the same question gets the same answer to the last bit


class Framework(NamedTuple):
    """The cases of one framework, and the environment that makes and runs them."""

    name: str
    requirements: tuple[str, ...]
    maker: Path
    cases: tuple[Case, ...]
    files: tuple[str, ...] = ()  # test files of its own, beside this module, that run in its environment, too
    at_home: bool = False  # the platform's own environment has it, so that its cases run there as well
    heavy: bool = False  # its environment is large: `make test-frameworks` runs it, `make test` does not

    @property
    def environment(self) -> tuple[str, ...]:
        """What is installed where the maker and the suite run."""
        return (*self.requirements, *(one for one in SUITE if one not in self.requirements))

    def artifacts(self) -> Path:
        """The folder that the maker has filled. Treat it as read-only."""
        return made_by(self.maker, self.environment)

    def config(self, case: Case) -> ServableConfig:
        return ServableConfig(
            runtime=case.runtime,
            directory=str(self.artifacts() / case.folder),
            model="m",
            version=1,
            signatures=dict(case.signatures),
            allow_pickle=case.allow_pickle,
        )


def asked(framework: Framework) -> Sequence[Case]:
    """Those of its cases that the suite is to run in its environment: every third, and all in `make test-all`."""
    return some(framework.cases, 0, one_of=3)


def chosen(frameworks: tuple[Framework, ...]) -> list[tuple[Framework, Case]]:
    """What the suite is to run in this process."""
    if name := os.environ.get(CHOSEN):
        return [(one, case) for one in frameworks if one.name == name for case in asked(one)]
    return [(one, case) for one in frameworks if one.at_home for case in one.cases]
