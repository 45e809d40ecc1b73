"""HTTP as handlers see it, whichever version it came by: a request, its head, and the answer's.

Read in this order: limits, framing (what a head must be), request, heads (those that were read before), host,
whole_body, answers, media, compression, cors, proxies (who a request is from).
"""
