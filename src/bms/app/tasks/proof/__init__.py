"""The proof that a converted model answers as its parent: on which rows, in which company, and what counts as the same.

Reading order: questions (rows, asked of the parent), edges (rows that data sets lack), differences, proving.
"""
