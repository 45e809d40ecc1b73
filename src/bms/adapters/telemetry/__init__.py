"""Metrics by prometheus_client, one registry per process."""
