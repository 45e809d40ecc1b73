"""The protocol buffers that gRPC clients speak, in a pool of our own.

Read in this order: schema (reads the language), inference, tensorflow, tfserving, health and reflection (what is said),
pool (the messages).
A private pool, because two packages that register the same file in one process's default pool clash.
"""
