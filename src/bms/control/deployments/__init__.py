"""Deployments: what a tenant wants served under a name, and the loop that makes it so.

Reading order: nouns, plan, ports, service, reconciler, publisher.
"""
