"""LightGBM boosters, run by LightGBM; `trees` is what all boosted trees share."""
