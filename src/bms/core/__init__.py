"""Types and rules that control and data plane share: pure, and importable with the standard library, NumPy and msgspec
alone.

Read errors, ids, clock, digest, pages and events first; then the rooms: tensors (what a model takes and gives),
workloads (processes and what they may use), access (who asks), serving (what gateways are told), formats.
"""
