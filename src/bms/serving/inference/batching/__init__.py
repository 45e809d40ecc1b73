"""Calls that wait for company and run together.

Read in this order: kinds and parcel (what waits and runs), policy (how many together, and when; it decides by times and
rate), batcher (who runs next), execution, worker (the model's thread) and shortness (when the loop's will do), dispatch
(from the one to the other), ledger (answers), closeness.
"""
