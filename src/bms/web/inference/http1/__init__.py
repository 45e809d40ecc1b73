"""HTTP/1.1 on one client's socket.

Read in this order: reader (bytes to requests), bulk (large bodies), answer_head, answer_side, connection.
"""
