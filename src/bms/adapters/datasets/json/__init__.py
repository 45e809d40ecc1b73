"""Imports JSON lines. Read jsonl, rows (a line), cells (columns of values)."""
