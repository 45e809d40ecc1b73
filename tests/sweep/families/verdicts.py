"""What became of the models of a family: made once by the library, then asked where the library is."""

from pathlib import Path
from typing import NamedTuple

from tests.framework_env import made_by, told_by

ASKING = Path(__file__).parent / "company_asking.py"


class Verdict(NamedTuple):
    """`refused`: why it is not served. Else whether calls share runs, and where an answer is not the library's."""

    refused: str
    batched: bool
    faults: list[str]


def asked(
    models: Path, environment: tuple[str, ...], *, sharing: bool = False, declared: bool = False, below: str = ""
) -> dict[str, Verdict]:
    """By the names of the models that the script `models` makes, those in its folder `below` alone where that is said.
    `sharing`: with calls that share runs whatever was found out about the model, so that there must be faults.
    `declared`: with what a model takes said by its maker, who says that it is batched."""
    made = made_by(models, environment) / below
    options = [*(["sharing"] if sharing else []), *(["declared"] if declared else [])]
    found = {
        one["name"]: Verdict(
            one.get("refused", ""),
            one.get("batched", False),
            [f"{one['name']}, {fault}" for fault in one.get("faults", ())],
        )
        for one in told_by(environment, ASKING, str(made), *options)
    }
    assert set(found) == {path.parent.name for path in made.glob("*/calls.npz")}
    return found
