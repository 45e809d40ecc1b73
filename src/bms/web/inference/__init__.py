"""The gateway's door: HTTP and gRPC on one port, inference answered here, all else passed on to control.

Read in this order: first_bytes (which protocol a socket speaks), limits, framing (what a head must be), request, reader
(bytes to requests), heads and bulk (what need not be parsed), answers and answer_head (an answer's bytes), answer_side
and connection (order on one socket), paths (what a path asks), media (which bodies it reads), dialects, whole_body,
door, http_exchange and event_stream (inference: one answer, or many, by way of `bms.serving.pipeline`), describe (what
is served), proxies (who a request is from), pass_on (control), site (which of them a request goes to). http2, grpc and
rest are folders with an order of their own.
"""
