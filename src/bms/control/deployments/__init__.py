"""Deployments: what a tenant wants served under a name, and the loop that makes it so.

Reading order: nouns; observation, settling, retries, routing, actions, plan (pure); ports, catalog, resolving; service,
status; launching, applying, reconciler (the loop); entries, adoption, publisher (what the gateways are told).
"""
