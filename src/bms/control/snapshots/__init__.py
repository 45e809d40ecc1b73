"""The snapshot: what gateways must know to answer without asking, kept current and fed to each of them.

It knows nothing of what its entries are about: every feature that has something to tell is a source.
Reading order: sources (the port), state, feed, acknowledgements, positions, releasing, publisher.
"""
