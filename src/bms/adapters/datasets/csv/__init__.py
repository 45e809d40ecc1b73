"""Imports CSV. Read in this order: source, encoding, separator, header, text_cells (which kind a column is),
declared_cells, decimals, thousands, text_doubts."""
