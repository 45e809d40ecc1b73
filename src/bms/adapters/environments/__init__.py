"""Isolated Python environments: variants of the port `control/platform/environments`.

`uv` builds them with uv. Read in this order: requirements and lock (what may be asked for), recipe (what a spec comes
to, and its digest), sources (where packages come from), installer (running uv), resolving (to exact versions), building
(once, whole or not at all), locks and following (for those who ask at once), slim (our own part), and `uv`.
"""
