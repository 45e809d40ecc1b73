"""The start of every process: `startup` gives up rights and reads the config, `logs` writes structured logs to
stderr."""
