"""Converts an artifact's example, `example.json`, to the inputs that a model is tried with. Read file, values, inputs,
features."""
