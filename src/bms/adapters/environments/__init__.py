"""Isolated Python environments: variants of the port `control/platform/environments`.

`uv` builds them with uv. Read in this order: requirements (what may be asked for), recipe (what a spec comes to, and
its digest), installer (running uv), building (once, whole or not at all), slim (our own part), and `uv`.
"""
