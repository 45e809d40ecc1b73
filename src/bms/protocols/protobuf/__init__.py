"""The Protocol Buffers messages that gRPC clients send and read, in a pool of their own.

Read in this order: schema (reads the language), inference, tensorflow, tfserving, health and reflection (what is said),
pool (the messages).
A private pool, because two packages that register the same file in one process's default pool clash.
"""
