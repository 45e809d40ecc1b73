"""Deployments: what a tenant wants served under a name, and the loop that makes it so.

Reading order: nouns; observation, settling, retries, routing, actions, plan, records (pure); ports, catalog, resolving,
service, rollback, in_use, status, views, repository (what people ask); launching, health, following, applying,
changes, reading, attention, reconciler, loop (what makes it so); signatures, snapshot_entries, snapshot_source (what
gateways are told).
"""
