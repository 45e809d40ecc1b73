"""Connections to a database of either kind, its schema's version, and the platform it belongs to.

Read in this order: urls, opening, engine, sqlite, postgresql, notices and commit_watcher (commits of other processes),
migrate, steps, identity, copying, left, event_mark.
"""
