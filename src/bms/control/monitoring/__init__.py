"""The state of the platform: what runs, what it uses, and all processes' metrics as one exposition."""
