"""From a call to an answer over HTTP. Read in this order: flow (what a call is), drivers (who does it), failures,
waiting; addresses, credentials, bodies, latency.
"""
