"""The port to the recipes that come with the platform."""

from typing import Protocol

from bms.control.training.nouns import Recipe


class Recipes(Protocol):
    """The recipes that come with the platform."""

    def all(self) -> list[Recipe]: ...

    def find(self, name: str) -> Recipe | None: ...

    def files(self, name: str) -> dict[str, bytes]:
        """The recipe's code by path."""
        ...
