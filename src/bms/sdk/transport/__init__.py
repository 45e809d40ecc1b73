"""Sends calls over HTTP and reads their replies. Read in this order: flow (what a call is), drivers (who does it),
failures, waiting; addresses, credentials, bodies, latency."""
