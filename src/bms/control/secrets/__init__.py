"""A tenant's named secrets, for what its models call. Reading order: nouns, ports, service, sealing."""
