"""Clusters: the places where processes run, as variants of the port `control/platform/clusters`.

`local` is this machine, over `isolation` (what keeps a workload in) and `resources` (how much it gets and takes);
`node_agent` is another machine. log_files is how a workload's log is kept small.
"""
