"""The home directory: what one platform keeps on this machine.

Read in this order: directory, database (which one has its books), taking, node_agent, database_move.
"""
