"""The cluster of this machine: each workload is a process.

Read in this order: records (workloads on disk), tracking (in memory), directories, workload_inputs (a spec's digests
resolved), mounts and sandbox_plan (what a workload may see), launching, recovery, ending_counter; plain_files,
output_tree and workload_files (what workloads wrote, trusted in nothing); and `cluster`, which composes them. kept_logs
keeps logs of workloads of any cluster.
"""
