"""How a request is computed.

Read in this order: runtime (the port), kinds and parcel (what waits and runs), policy (how many together, and when; it
decides by times and rate), batcher (who runs next), execution (running them), worker (the model's thread) and shortness
(when the loop's will do), dispatch (from the one to the other), ledger (answers), engine_requests (the way of what has
an engine, `bms.serving.engines`, and is not batched), service (all of it together), connection (frames to the service
and back); preparation (by a plan: images, or texts and tokens), steps of sequences and probe stand beside, metrics
counts.
"""
