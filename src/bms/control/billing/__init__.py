"""Usage: the books. Events come in exactly once; sums are derived. Reading order: nouns, blocks, unpacking, ports,
service, csv; of what is held over a time: pieces, held_blocks, booking, sweep.
"""
