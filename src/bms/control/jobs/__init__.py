"""Jobs: rows that are claimed, run in a process of their own, and end exactly once.

Reading order: nouns, states, plan, ports, service, scheduler.
"""
