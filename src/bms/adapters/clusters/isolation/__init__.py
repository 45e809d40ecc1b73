"""Sandboxing of workloads, with the standard library alone: `bootstrap` loads this folder as a package of its own.

Read in this order: bootstrap (a workload's first lines), sandbox (all of it: namespaces, roots, confinement, seccomp,
over `kernel`), cgroups, probes and capabilities (what this machine can do of that; only control loads the latter).
"""
