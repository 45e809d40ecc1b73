"""Runtimes, which load and run models: a folder each, whose `runtime` is listed in `available`.

They are used inside a model's own process only. Read in this order: artifacts (which file is the model, and what an
artifact says of itself), recognition (which runtime, in which environment), servables (a servable around a function,
and its signatures), and a short runtime, xgboost. `examples` and `formats` are shared by several, `trees` by the three
libraries of boosted trees.
"""
