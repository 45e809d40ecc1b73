"""The model repository.

Reading order: nouns, states, ports, service, uploads, releases, aliases, gates, verdicts, downloads, collection.
"""
