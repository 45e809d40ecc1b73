"""Loaded models: what a servable is, its states, its warm-up. Read in this order: servable, states, examples,
loader."""
