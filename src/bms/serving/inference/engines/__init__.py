"""Calls of a servable that has an engine (`bms.serving.engines`), which are not batched: `requests` queues and submits
them, `call` is one of them."""
