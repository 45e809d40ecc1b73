"""The node agent's process: the local cluster of another machine."""
