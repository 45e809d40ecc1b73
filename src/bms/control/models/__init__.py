"""The model registry: models, immutable versions, aliases and gates.

Reading order: nouns, states, ports, service, uploads, releases, aliases, gates, verdicts, downloads, collection.
"""
