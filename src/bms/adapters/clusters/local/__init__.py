"""The cluster of this machine. Read in this order: records (what is remembered on disk), tracking, directories,
supplies (what a spec's digests stand for here), places and enclosing (which walls one workload gets), launching,
recovery, changes; guarded, output_tree and workload_files (what workloads wrote, trusted in nothing); and `cluster`,
which composes them. kept_logs has what workloads of any variant said, also later."""
