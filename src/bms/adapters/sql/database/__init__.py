"""Connections to a database of either kind, its schema's version, and the platform it belongs to.

Read in this order: urls, opening, engine, sqlite, postgresql, notices and others (who else has committed), migrate,
steps, identity, copying, left, telling.
"""
