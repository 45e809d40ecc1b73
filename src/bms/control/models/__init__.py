"""The model repository. Reading order: nouns, states, ports, service, aliases."""
