"""The snapshot: all that gateways must know to answer without asking control, kept current and fed to each of them.

It does not know what its entries are about: every feature that has something for gateways is a source. Reading order:
sources (the port), state, feed, acknowledgements, positions, rollout_barrier, publisher.
"""
