"""Connections of gateways and control to model servers."""
