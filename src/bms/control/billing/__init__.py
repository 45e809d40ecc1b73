"""Usage: the books. Events come in exactly once; sums are derived. Reading order: nouns, blocks, ports, service,
csv.
"""
