"""What a process does first: `startup` gives up what it must not have and reads its config, `logs` writes to stderr."""
