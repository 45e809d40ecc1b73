"""MXNet models, run by MXNet 1.9.1. Read runtime; symbol, params and lengths look at bytes."""
