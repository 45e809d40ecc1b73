"""The API's own description, OpenAPI 3.1. Reading order: document, operations and fields (the words), errors, then
inference and tensors (the gateway's paths, which are no endpoints of control)."""
