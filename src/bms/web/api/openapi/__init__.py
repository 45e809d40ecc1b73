"""The OpenAPI 3.1 description of the API, generated from the endpoints.

Reading order: document, sides (bodies and answers), operations and fields (the words), examples, errors, then inference
and tensors (the gateway's paths, which are no endpoints of control).
"""
