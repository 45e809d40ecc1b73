"""Metering: usage events are stored exactly once, and summed when asked.

Reading order: nouns, blocks, unpacking, ports, service, csv; for what is held over a time (cores, memory, storage):
pieces, held_blocks, booking, sweep.
"""
