"""Training: runs recipes and users' code as jobs, and registers the versions that they make.

Reading order: nouns, ports, service, registration; imports brings the data in.
"""
