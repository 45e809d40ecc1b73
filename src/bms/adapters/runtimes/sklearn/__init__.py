"""The scikit-learn runtime: estimators from skops files or, where allowed, from pickles.

Read in this order: runtime, file, trusted, needs (bytes); opened, parts, columns, inputs, ways (how rows are handed
over); calls, signature, numbers, boosters, refused; servable.
"""
