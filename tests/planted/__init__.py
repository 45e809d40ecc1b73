"""Planted liars: models and children that are wrong in one way each, all of which the proofs must refuse."""
