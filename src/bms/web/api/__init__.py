"""The control API under /api/v1: one list of endpoints per feature, one dispatcher for all. `repository` alone has
paths of another protocol.

Read endpoint, dispatch, problems, openapi, then any feature's file.
"""
