"""Views of deployments: for people (service, status), and for gateways (snapshot_source)."""
