"""JSON bodies of inference requests: parsed strictly and fast, and their values converted to tensors or columns.

Read in this order: bodies, repeats (no name twice), values, tensors, numbers (large arrays), cells
(of CSV), columns.
"""
