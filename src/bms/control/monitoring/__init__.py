"""How the platform is doing: what runs, what it uses, and all processes' metrics as one exposition."""
