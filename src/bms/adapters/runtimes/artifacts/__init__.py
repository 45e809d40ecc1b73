"""Inspects an uploaded artifact: which file is the model, and what the files beside it declare."""
