"""Processes, put together: the only place that wires. A folder for each process, whose `main` reads from top to
bottom.

`control`, `gateway`, `model_server`, `job` and `node_agent` are run as `python -m bms.app.NAME CONFIG`, `all_in_one` is
the supervisor, `bms up`. `supervisor` and `home` are what it stands on, `process` what the slim part's processes do
first, `tasks` what jobs of the platform's own run. settings is the one place that reads the environment.
"""
