"""Adapters: implementations of the ports of control and serving; a folder for each port, a file for each variant."""
