"""Evaluates a model on data: joins columns and inputs by name, runs the model, computes metrics.

Reading order: features, joining, feeding, running, target, classes, measuring, metrics.
"""
