"""Bytes to requests and answers to bytes; no sockets here.

`frames` is the hop between gateway and model server, `bus` the private line between control and gateways;
the others are the dialects that clients speak.
"""
