"""Where processes run: variants of the port `control/platform/clusters`.

`local` is this machine. Read in this order: records (what is remembered on disk), processes (what /proc says),
bootstrap (a workload's first lines), walls (what keeps it in: namespaces, roots, confinement, seccomp, over `kernel`),
probes and probing (what this machine can do of that), supplies (what a spec's digests stand for here), places and
enclosing (which walls one workload gets), surroundings, limits, cgroups, devices, allotting, directories, launching,
footprints, verdicts, log_files, families, watching, tracking, recovery, changes; guarded, output_tree and
workload_files (what workloads wrote, trusted in nothing); and `local`, which composes them. `kept_logs` has what
workloads of any variant said, also later.
"""
