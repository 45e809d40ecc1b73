"""The runtime of plain Python: a directory with `model.py`, whose class Model loads and predicts. Read runtime, code,
signature, errors."""
