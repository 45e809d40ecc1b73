"""Converts tables as callers hold them (data frames, Arrow tables, rows, lists by name) to columns of the wire's types.

No library of data frames is imported: their objects are recognised by where their classes come from, and asked by their
own methods. Read in this order: column_values, python_values, pandas_frames, polars_frames, arrow_tables, given.
"""
