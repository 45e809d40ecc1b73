"""/api/v1/recipes: ready-made training programs."""

import msgspec

from bms.api_types.environments import EnvironmentSpec
from bms.api_types.resources import Resources


class Needed(msgspec.Struct, frozen=True, kw_only=True):
    """The requirements of a recipe on a data set: rows in these splits, and so many classes with rows to train on."""

    splits: tuple[str, ...] = ("train",)
    classes: int = 0


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """A ready-made training program: `recipe.json` beside its code. `parameters` are the defaults."""

    name: str
    title: str
    description: str
    entry: str = ""
    environment: EnvironmentSpec = EnvironmentSpec()
    parameters: dict[str, object] = {}
    convert: tuple[str, ...] = ()
    resources: Resources = Resources()
    needs: dict[str, Needed] = {}
