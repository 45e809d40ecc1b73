"""What to do next for a deployment: pure, and idempotent.

Read in this order: observation, settling, retries, loading, routing, builds, actions, plan, records.
"""
