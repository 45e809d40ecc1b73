"""Resources of workloads, their limits and use."""
