"""Boosted trees: what the runtimes of three libraries share (inputs, rows of a table, outputs)."""
