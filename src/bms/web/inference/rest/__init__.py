"""REST over HTTP/2: streams that are no gRPC calls go to the handlers of HTTP/1.1's requests.

Read in this order: request_head (what a stream's head must be to have one meaning over HTTP/1.1, too), answer_fields
(header lines to header blocks), body (what came of a body), answer (a stream, as handlers answer it), server (streams
to requests).
"""
