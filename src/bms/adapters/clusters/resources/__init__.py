"""Resources of workloads: processes (what /proc says), limits, devices, device_allocation, variables, process_trees,
disk_usage, resource_watcher, verdicts.
"""
