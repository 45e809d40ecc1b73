"""Workloads: the processes that a cluster runs, and the resources they may use.

Read in this order: resources, environments, workload, programs (what control writes for them, and they write back),
endpoints, isolation, devices, limits, cut_logs.
"""
