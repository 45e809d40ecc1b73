"""XGBoost boosters, run by XGBoost; `trees` is what all boosted trees share."""
