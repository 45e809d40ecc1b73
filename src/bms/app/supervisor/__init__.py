"""Keeping the processes of a home alive, and ending them.

Read in this order: supervisor, roster, services, restarts, readiness, listening, log_files, endings, stopping, memory.
"""
