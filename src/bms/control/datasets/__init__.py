"""Data sets and their immutable versions. Reading order: nouns, ports, service."""
