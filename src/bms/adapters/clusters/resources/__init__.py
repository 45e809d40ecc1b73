"""How much of the machine workloads get and take: processes (what /proc says), limits, devices, allotting,
surroundings, families, footprints, watching, verdicts.
"""
