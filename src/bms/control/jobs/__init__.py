"""Jobs: rows that are claimed, run in a process of their own, and end exactly once.

Reading order: nouns, states, endings, queue, plan, ports, validation, service; then what the scheduler is made of:
progress, tails, history, attempts, chores, scheduler.
"""
