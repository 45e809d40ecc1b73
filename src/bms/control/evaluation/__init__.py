"""Between registered and served: verification of every version, and the gates a model sets.

Reading order: verification, gates.
"""
