"""Deployments: the versions that a tenant wants served under a name, and the controller that brings this about.

Read nouns, events and ports; then planning (pure: desired and observed state become actions), reconciliation (the loop
that carries them out), views (what people and gateways are shown). At the top are what these share, and the use cases:
service, rollback, repository, catalog, resolving, rows, changes, health, logs, signatures, batching, in_use,
trees_in_use.
"""
