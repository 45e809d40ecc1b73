"""The training recipes that come with the platform: a folder each, `recipe.json` beside the code, which runs in jobs
alone."""

from importlib import resources

import msgspec

from bms.control.training.nouns import Recipe


class PackagedRecipes:
    """`Recipes` read from this package. Nothing of a recipe is imported here."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}
        self._recipes: dict[str, Recipe] = {}
        for folder in sorted(resources.files(__package__).iterdir(), key=lambda entry: entry.name):
            if folder.name == "__pycache__":  # which may be somebody else's, and shut
                continue
            if folder.is_dir() and (card := folder / "recipe.json").is_file():
                recipe = msgspec.json.decode(card.read_bytes(), type=Recipe)
                self._recipes[recipe.name] = recipe
                self._folders[recipe.name] = folder.name

    def all(self) -> list[Recipe]:
        return list(self._recipes.values())

    def find(self, name: str) -> Recipe | None:
        return self._recipes.get(name)

    def files(self, name: str) -> dict[str, bytes]:
        """The recipe's Python files by name."""
        folder = resources.files(__package__) / self._folders[name]
        return {
            entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file() and entry.name[-3:] == ".py"
        }
