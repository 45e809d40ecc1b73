"""Proves that a converted model answers as its parent: chooses rows, asks both, compares every output.

Reading order: questions (rows, asked of the parent), edges (rows that data sets lack), differences, proving.
"""
