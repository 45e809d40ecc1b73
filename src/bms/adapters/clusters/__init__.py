"""Where processes run: variants of the port `control/platform/clusters`.

`local` is this machine. Read in this order: records (what is remembered on disk), processes (what /proc says),
bootstrap (a workload's first lines), confinement (what the kernel then lets it do), places (with which files),
surroundings, limits, directories, launching, watching, recovery, changes,
and `local`, which composes them.
"""
