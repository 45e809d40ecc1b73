"""Engines: what runs many requests at once and answers them as they come; servables run one batch at a time.

engine is the port; threads and generators are engines that others are made of: blocking calls, each in a thread, and
Python generators, stepped in turns. Who hands requests to an engine: `bms.serving.inference.engines.requests`.
"""
