"""Dynamic batching: calls wait until they can share a run of the model, run together and are answered one by one.

Read in this order: batch_keys and micro_batch (what waits and runs), policy (how many together, and when; it decides
by times and rate), batcher (what runs next), execution, worker (the model's thread) and inline_run (when the loop's
thread will do), dispatch (from the queue to the model), inflight_calls (answers), tolerance (for rounding).
"""
