"""gRPC over our own HTTP/2 (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md), server side.

Read in this order: status (how calls end), call_head (what a call's head asks), messages (bytes to messages), call (one
call), method (the port of whoever answers calls), server (streams to calls); then the methods: deadlines, unary (what
all with one answer share), infer, infer_stream, describe, loading, refused, tfserving, health, reflection, service (all
of them); and door (whom connections belong to).
"""
