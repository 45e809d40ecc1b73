"""How a request is computed.

Read in this order: runtime (the port), call, batcher (which calls run next), execution (running them), worker
(the one thread they run in), service (all of it together), connection (frames to the service and back);
preprocess and probe stand beside, metrics counts.
"""
