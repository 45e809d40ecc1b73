"""HTTP/2 (RFC 9113), server side, on one socket, without any of HTTP's semantics beyond a request's head.

Read in this order: faults, frames, huffman, fields (HPACK's static table), hpack (blocks to header lists and back),
head (a request's head, checked), limits, heads (blocks to heads, remembered), settings (what the peer may ask), budget
(what a client may cost), stream, writer (what goes out, within the peer's windows), table (the streams of a
connection), session (bytes in, requests and bytes out; no sockets), connection (a session on a socket).
"""
