"""The process of a job. Read main, entry (finds and runs the code) and errors (explains a failure)."""
