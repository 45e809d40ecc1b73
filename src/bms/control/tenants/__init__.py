"""Tenants, their users and keys. Reading order: nouns, ports, service, authentication."""
