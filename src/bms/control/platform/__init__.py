"""Ports and mechanisms that several features need: objects, clusters, environments, transactions, reactions. Their
variants are in `adapters`."""
