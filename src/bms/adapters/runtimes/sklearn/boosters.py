"""Finds the categorical columns of LightGBM and XGBoost boosters within a scikit-learn model."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from bms.adapters.runtimes.lightgbm.file import check_model
from bms.adapters.runtimes.lightgbm.runtime import features_of as lightgbm_features
from bms.adapters.runtimes.xgboost.columns import features_of as xgboost_features
from bms.adapters.runtimes.xgboost.columns import kept_levels
from bms.core.errors import FailedPrecondition
from bms.core.tensors.columns import Level


class Categories(NamedTuple):
    """The levels of the columns that are categories, by place; `strict`: any other value is refused, else missing."""

    levels: Mapping[int, tuple[Level, ...]] = {}
    strict: bool = False


def library_of(estimator: Any) -> str:
    """The library of an estimator: "lightgbm", "xgboost", "sklearn" and so on."""
    return type(estimator).__module__.partition(".")[0]


def categories_of(estimator: Any) -> Categories | None:
    """The categories of a booster; None for what is no booster. Raises FailedPrecondition where it was trained on
    categories, which the model does not store."""
    name = type(estimator).__name__
    library = library_of(estimator)
    if library == "lightgbm" and hasattr(estimator, "booster_"):
        features = lightgbm_features(check_model(estimator.booster_.model_to_string().encode(), name))
    elif library == "xgboost" and hasattr(estimator, "get_booster"):
        booster = estimator.get_booster()
        names, types = booster.feature_names or (), booster.feature_types or ()
        features = xgboost_features(booster.num_features(), names, types, kept_levels(booster))
    else:
        return None
    if features.unclear:
        raise FailedPrecondition(f"the {name} can't be served: {features.unclear}")
    levels = {
        place: spec.column.categories
        for place, spec in enumerate(features.columns)
        if spec.column is not None and spec.column.type == "category"
    }
    return Categories(levels, strict=not features.unseen_is_missing)
