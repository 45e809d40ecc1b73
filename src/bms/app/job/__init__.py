"""The process of a job. Read main, entry (what it runs) and errors (what is said when that fails)."""
