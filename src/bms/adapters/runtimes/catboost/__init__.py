"""CatBoost models, run by CatBoost; `trees` is what all boosted trees share."""
