"""Deployments: what a tenant wants served under a name, and the loop that makes it so.

Read nouns, events and ports; then planning (pure: what is wanted and seen becomes actions), reconciliation (the loop
that carries them out), views (what people and gateways are told). At the top is what these share, and what people ask:
service, rollback, repository, catalog, resolving, reading, changes, health, logs, signatures, batching, in_use,
trees_in_use.
"""
