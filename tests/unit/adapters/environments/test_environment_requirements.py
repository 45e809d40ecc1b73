"""Requirements have one canonical form, and a recipe's digest is of all that makes the environment what it is."""

import pytest

from bms.adapters.environments.recipe import OWN_PYTHON, recipe
from bms.adapters.environments.requirements import MAX_REQUIREMENTS, names, normalise
from bms.core.errors import InvalidArgument
from bms.core.workloads.environments import EnvironmentSpec


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("Scikit_Learn", "scikit-learn"),
        ("numpy >= 1.26 , < 3", "numpy<3,>=1.26"),
        ("uvicorn[Standard, a_b]>=0.3", "uvicorn[a-b,standard]>=0.3"),
        ("torch==2.13.0+cpu", "torch==2.13.0+cpu"),
        ("tomli; python_version<'3.11'", 'tomli ; python_version < "3.11"'),
    ],
)
def test_a_requirement_has_one_form(written: str, canonical: str) -> None:
    assert normalise([written]) == (canonical,)
    assert normalise([canonical]) == (canonical,)


def test_order_and_repetition_do_not_matter() -> None:
    assert normalise(["b", "a>1", "B"]) == ("a>1", "b")


def test_too_many_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="too many"):
        normalise(f"p{number}" for number in range(MAX_REQUIREMENTS + 1))


def test_only_names_with_versions_are_pinned() -> None:
    assert names(["Torch==2.1", "numpy"]) == {"torch"}


def digest(*requirements: str, python: str | None = None) -> str:
    made = recipe(EnvironmentSpec(requirements=requirements, python=python))
    assert made is not None
    return made.digest


def test_digests_differ_where_environments_would() -> None:
    digests = {digest("a"), digest("a", "b"), digest("a>1"), digest("a", python="3.99"), digest(python="3.99")}
    assert len(digests) == 5
    assert digest("a") == digest("A", python=OWN_PYTHON)


@pytest.mark.parametrize(
    ("requirements", "constraints"),
    [
        (("scikit-learn",), ("torch==2.13.0",)),
        (("torch",), ("torch==2.13.0",)),
        (("torch==2.12.0",), ()),
        (("Torch>=2",), ()),
    ],
)
def test_torch_is_held_unless_its_version_is_asked_for(
    requirements: tuple[str, ...], constraints: tuple[str, ...]
) -> None:
    made = recipe(EnvironmentSpec(requirements=requirements))
    assert made is not None
    assert made.constraints == constraints


def test_the_platforms_own_needs_no_recipe() -> None:
    assert recipe(EnvironmentSpec()) is None
    assert recipe(EnvironmentSpec(python=OWN_PYTHON)) is None
