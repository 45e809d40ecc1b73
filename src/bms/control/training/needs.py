"""Checks that data sets have what a recipe needs, before a job is submitted. Pure."""

from collections.abc import Mapping

from bms.control.datasets.nouns import DatasetVersion
from bms.control.training.nouns import Recipe, RecipeNeeds
from bms.core.errors import FailedPrecondition, InvalidArgument

Balance = Mapping[str, Mapping[str, int]]
"""Rows of each class, by split, as statistics.json has them."""


def check_inputs(recipe: Recipe, given: Mapping[str, object]) -> None:
    """Checks that every data set that the recipe needs is given, and no other. Raises InvalidArgument."""
    for name in recipe.needs:
        if name not in given:
            raise InvalidArgument(f"recipe {recipe.name!r} needs a data set as its input {name!r}: give one")
    if recipe.needs and (others := sorted(set(given) - set(recipe.needs))):
        raise InvalidArgument(
            f"recipe {recipe.name!r} has no input {others[0][:80]!r}: it reads {', '.join(sorted(recipe.needs))}"
        )


def check_data(recipe: str, needed: RecipeNeeds, version: DatasetVersion, balance: Balance) -> None:
    """Checks the contents of the data sets. Raises FailedPrecondition, saying what one lacks and what to do."""
    asked = f"recipe {recipe!r} needs"
    for split in needed.splits:
        if split not in version.splits or not version.splits[split].rows:
            rows = ", ".join(f"{name} {part.rows}" for name, part in version.splits.items())
            raise FailedPrecondition(
                f"{version.reference} has no rows in its split {split!r}, which {asked} ({rows}): import it with more "
                "rows, or with shares that leave some, like train=0.8,validation=0.2"
            )
    if not needed.classes:
        return
    if not version.labels:
        raise FailedPrecondition(
            f"{version.reference} has no classes, and {asked} {needed.classes} or more: import it with the column that "
            "says them as its label"
        )
    if len(version.labels) < needed.classes:
        raise FailedPrecondition(
            f"{version.reference} has one class, {version.labels[0]!r}, and {asked} {needed.classes} or more: there is "
            "nothing to tell apart"
        )
    train = balance.get("train", dict.fromkeys(version.labels, 1))
    lacking = [label for label in version.labels if not train.get(label)]
    if lacking:
        raise FailedPrecondition(
            f"{version.reference} has no row of class {lacking[0]!r} in its split 'train', so that nothing could "
            "learn it: import it with more rows, or with a larger share of train"
        )
