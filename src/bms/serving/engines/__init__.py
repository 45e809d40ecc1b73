"""Engines: backends that run many requests at once and return each answer as it comes; a plain servable runs one batch
at a time.

engine is the port; threads and generators are engines that others are made of: blocking calls, each in a thread, and
Python generators, stepped in turns. Who hands requests to an engine: `bms.serving.inference.engines.requests`.
"""
