"""Secrets: a tenant's named credentials for what its models call. Reading order: nouns, ports, service, sealing."""
