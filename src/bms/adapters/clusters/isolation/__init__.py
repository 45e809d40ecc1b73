"""Sandboxing of workloads. Standard library alone, but for probing: `bootstrap` loads this folder as a package of its
own.

Read in this order: bootstrap (a workload's first lines), sandbox (all of it: namespaces, roots, confinement, seccomp,
over `kernel`), cgroups, probes and probing (what this machine can do of that).
"""
