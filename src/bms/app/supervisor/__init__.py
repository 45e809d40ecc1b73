"""Keeps the processes of a home alive, and ends them.

Read in this order: supervisor, service_list, services, restarts, readiness, listening, log_files, shutdown, stopping,
memory.
"""
