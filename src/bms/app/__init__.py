"""Processes, put together: the only place that wires. One file per process: see `python -m bms.app.NAME`.

The supervisor reads in this order: settings, home, exit_codes, all_in_one, supervisor, roster, services, restarts,
readiness, listening, log_files, endings, stopping, adoption.
"""
