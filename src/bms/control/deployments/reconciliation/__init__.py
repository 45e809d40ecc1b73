"""The loop that makes deployments so: observe, plan, record, act.

Read in this order: reconciler, attention (which are looked at), applying, launching, following, suspicions, tokens,
loop.
"""
