"""How a model server computes a request.

Read in this order: runtime (the port), batching (calls that run together), engines (calls of what runs many at once),
service (all of it together), connection (frames to the service and back); preparation (by a plan: images, or texts and
tokens), sequences (stateful models), row_independence and probe (what is tried when a model is verified), metrics.
"""
