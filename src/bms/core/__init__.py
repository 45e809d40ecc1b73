"""Words that both planes share: pure, and importable with the standard library, NumPy and msgspec alone.

Read in this order: errors, ids, clock, digest, credentials, principal, tensor, signature, inference,
resources, workload, programs, usage, snapshot, events, pages.
"""
