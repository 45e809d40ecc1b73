"""Saboteurs: what the proofs judge is broken, one thing at a time, by wrapping it; each must be caught by its proof.

`frame.py` says what a proof and a saboteur are; a module for each subject lists its own; `proofs.py` lists the modules.
"""
