"""The home directory: all that one platform keeps on this machine.

Read in this order: directory, database (where its data is), opening (connects and migrates), node_agent, database_move.
"""
