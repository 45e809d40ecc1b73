"""Data sets and their immutable versions. Reading order: nouns, references, ports, formats, importing, service."""
