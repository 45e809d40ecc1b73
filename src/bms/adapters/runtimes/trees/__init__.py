"""What the three libraries of boosted trees share: inputs, rows of a table, outputs."""
