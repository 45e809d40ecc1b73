"""Dynamic batching: calls wait until they can share a run of the model, run together and are answered one by one.

Read in this order: kinds and parcel (what waits and runs), policy (how many together, and when; it decides by times and
rate), batcher (who runs next), execution, worker (the model's thread) and shortness (when the loop's will do), dispatch
(from the one to the other), ledger (answers), closeness.
"""
