"""Jobs: rows that are claimed, run in a process of their own, and end exactly once.

Reading order: nouns, states, outcomes, queue, plan, ports, validation, service; then the parts of the scheduler:
progress, progress_reader, history, attempts, scheduler.
"""
