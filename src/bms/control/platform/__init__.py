"""Ports to the world under control: objects, clusters, environments, transactions. Variants live in adapters."""
