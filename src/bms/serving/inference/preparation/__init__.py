"""Inputs that are made from what was sent: `servable` does it, `images`, `texts` and `tokens` are how."""
