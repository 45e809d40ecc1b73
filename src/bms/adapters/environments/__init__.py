"""Isolated Python environments: variants of the port `control/platform/environments`.

`uv` builds them with uv. Read in this order: requirements and lock (what may be requested), recipe (a spec, resolved,
and its digest), sources (package indexes), installer (runs uv), resolving (to exact versions), building (once, and
atomically), locks and build_log_tail (for concurrent requests), slim (our own part), and `uv`.
"""
