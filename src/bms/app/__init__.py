"""The platform's processes and where their parts are wired together; a folder per process.

`control`, `gateway`, `model_server`, `job` and `node_agent` are run as `python -m bms.app.NAME CONFIG`, `all_in_one` is
the supervisor, `bms up`. `supervisor` and `home` are what the supervisor is built on, `process` is the start-up code of
slim processes, `tasks` are the platform's own jobs. Only `settings` reads environment variables. Each process's `main`
reads from top to bottom.
"""
