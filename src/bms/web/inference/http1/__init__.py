"""One client's socket that speaks HTTP/1.1.

Read in this order: reader (bytes to requests), bulk (large bodies), answer_head, answer_side, connection.
"""
