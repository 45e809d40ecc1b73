"""Training frameworks' own tools, each imported only inside the job that asked for it."""
