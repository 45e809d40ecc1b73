"""What HTTP/1.1 and HTTP/2 share: requests and answers as handlers see them.

Read in this order: limits, framing (what a head must be), request, heads (a cache), server_context, whole_body,
answers, media, compression, cors, proxies (who a request is from).
"""
