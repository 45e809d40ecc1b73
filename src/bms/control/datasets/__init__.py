"""Data sets and their immutable versions. Reading order: nouns, references, ports, importing, service."""
