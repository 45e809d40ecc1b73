"""Tenants, their users and keys. Reading order: nouns, ports, service, authentication, snapshot_entries (what
gateways are told of keys)."""
