"""Snapshot updates on their way to gateways: in parts, with equal members shared, without kinds that are not known."""
