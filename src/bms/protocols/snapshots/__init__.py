"""Snapshot updates on their way to gateways: in parts, with equal members shared, without unknown kinds of entries."""
