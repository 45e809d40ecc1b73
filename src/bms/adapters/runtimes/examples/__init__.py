"""An artifact's example, `example.json`, as the inputs that a model is tried with. Read file, values, inputs,
features.
"""
