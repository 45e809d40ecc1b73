"""The planner: decides what to do next for a deployment; pure and idempotent.

Read in this order: observed_state, replica_states, retries, loading, routing, builds, actions, plan, records.
"""
