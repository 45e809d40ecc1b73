"""The runtime of MLflow directories: a flavor's model is run by its own runtime, or by MLflow's python_function where
that is allowed.

Read in this order: runtime, file, signature, joined, predicted, optional, parameters; pyfunc, returned, example,
nested.
"""
