"""Calls of a servable that has an engine, `bms.serving.engines`, and is not batched: `requests` hands them over,
`call` is one on its way.
"""
