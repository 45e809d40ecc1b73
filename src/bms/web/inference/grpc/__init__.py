"""gRPC over our own HTTP/2 (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md), server side.

Read in this order: status (how calls end), call_head (what a call's head asks), messages (bytes to messages), call
(one call), method (the port to methods), server (streams to calls); then the methods: deadlines, unary (the base of
those with one answer), infer, infer_stream, describe, loading, unsupported, tfserving, health, reflection, service (all
of them); and connection_handler (makes connections).
"""
