"""Requests that belong together in their order: which are open, and the steps that run."""
