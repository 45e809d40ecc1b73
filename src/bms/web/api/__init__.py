"""The control API under /api/v1: one list of endpoints per feature, one dispatcher for all. `repository` alone has
paths of another protocol.

Bodies and answers are types of `api_types`: `shown` makes answers of nouns, `as_noun` reads bodies as nouns.

Read endpoint, dispatch, problems, openapi, then any feature's file.
"""
