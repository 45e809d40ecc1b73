"""Clusters on other machines: a node agent there runs the local cluster, and control talks to it over a socket.

Read peer (one connection's end, on which both sides ask), objects (content by digest, both ways), then client (what
control has) and server (what the agent has); identity is how they know one another, relay the way to replicas.
"""
