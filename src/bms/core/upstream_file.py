"""The one file of an artifact that is a server elsewhere: what it is called, and what may lie beside it."""

FILE = "upstream.json"  # read by `core.upstreams`
BESIDE = frozenset({FILE, "bms.json"})  # all that such an artifact may hold
