"""The scikit-learn runtime: estimators from skops files or, where allowed, from pickles.

Read in this order: runtime, file, trusted, requirements (bytes); loading, parts, columns, inputs, input_forms (how rows
are handed over); methods, signature, numbers, boosters, denylist; servable.
"""
