"""JSON bodies of inference requests: read strictly and fast, and their values made tensors or columns.

Read in this order: bodies, repeats (no name twice), values, tensors, numbers (large arrays), columns.
"""
