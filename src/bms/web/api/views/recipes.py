"""Converts recipes into answers of the API."""

from bms.api_types import recipes
from bms.control.training.nouns import Recipe, RecipeNeeds
from bms.web.api.views import environments
from bms.web.api.views.resources import limits


def recipe(one: Recipe) -> recipes.Recipe:
    return recipes.Recipe(
        name=one.name,
        title=one.title,
        description=one.description,
        entry=one.entry,
        environment=environments.spec(one.environment),
        parameters=one.parameters,
        convert=one.convert,
        resources=limits(one.resources),
        needs={name: _needed(each) for name, each in one.needs.items()},
    )


def _needed(one: RecipeNeeds) -> recipes.Needed:
    return recipes.Needed(splits=one.splits, classes=one.classes)
