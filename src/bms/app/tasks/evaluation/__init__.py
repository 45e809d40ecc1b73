"""How good a model is on data: what belongs together is found by name, then it is run, then measured.

Reading order: features, joining, feeding, running, target, classes, measuring, metrics.
"""
