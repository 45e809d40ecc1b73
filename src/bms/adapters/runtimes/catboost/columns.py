"""Reads the features of a CatBoost model: their names, and which of them are categories or texts.

It keeps hashes of categories, never the categories themselves: a text that training never saw is a category like any
other, and a whole number is the text of its digits. Which of the two training had is not stored.
"""

from collections.abc import Sequence
from typing import Any

from bms.adapters.runtimes.trees.inputs import BoosterFeatures
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import column_spec


def features_of(model: Any) -> BoosterFeatures:
    """The model's features; columns where they have names or are more than numbers. Raises FailedPrecondition for
    vectors among them, which are no columns."""
    names = [str(name) for name in model.feature_names_]
    categories, texts = set(model.get_cat_feature_indices()), set(model.get_text_feature_indices())
    vectors = [names[place] for place in model.get_embedding_feature_indices()]
    if vectors:
        raise FailedPrecondition(
            f"the model takes vectors ({', '.join(map(repr, vectors[:10]))}, its embedding_features), which are no "
            "columns of a table: serve it by a class Model in model.py"
        )
    if not categories and not texts and not _named(names):
        return BoosterFeatures(len(names), "FP32", hashed=True)
    columns = tuple(
        column_spec(name, "category")
        if place in categories
        else column_spec(name, "text")
        if place in texts
        else column_spec(name, "number", dtype="FP32")
        for place, name in enumerate(names)
    )
    return BoosterFeatures(len(names), "FP32", columns, hashed=True)


def _named(names: Sequence[str]) -> bool:
    """Whether they are more than the features' numbers."""
    return any(name != str(place) for place, name in enumerate(names))
