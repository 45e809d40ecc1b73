"""Tenants, their users and API keys. Reading order: nouns, ports, service, authentication, snapshot_entries (keys as
gateways check them)."""
