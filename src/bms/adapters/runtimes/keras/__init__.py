"""Keras models, computed by PyTorch."""
