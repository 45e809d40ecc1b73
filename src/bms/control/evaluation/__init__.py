"""Checks between registration and serving: the verification of every version, and the gates of its model.

Reading order: verification, gates.
"""
