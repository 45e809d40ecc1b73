"""The node agent's process: runs workloads on its machine for a control elsewhere."""
