"""The gateway's server: HTTP and gRPC on one port, inference answered here, everything else proxied to control.

Read in this order: first_bytes (which protocol a socket speaks), http (what a request is), http1 (bytes to requests,
and order on one socket), paths (what a path asks), dialect and dialects, handler, http_exchange and event_stream
(inference: one answer, or many, by way of `bms.serving.pipeline`), describe (what is served), reverse_proxy (to
control), request_gateway (which of them a request goes to). http2, grpc and rest are folders with an order of their
own.
"""
